from collections.abc import Sequence

import pytest

from qtui.run_progress import RunSummary
from qtui.store import Store, runs
from qtui.ui.data import run_watch
from qtui.ui.data.run_watch import RunWatch
from tests import stores
from tests.ui.conftest import fill
from tests.ui.panes.runs.test_runs_pane import answer, begin


@pytest.fixture
def watch(store: Store, study: int) -> RunWatch:
    """One that has read everything once."""
    watch = RunWatch()
    watch.read(store)
    return watch


def test_what_a_runner_writes_is_seen_at_once(watch: RunWatch, store: Store) -> None:
    run_id = begin(store)
    assert watch.read(store)[0].answered == 0
    answer(store, run_id, 0, 3)
    assert watch.read(store)[0].answered == 3
    runs.set_state(store, run_id, "done")
    answer(store, run_id, 1, 2)
    assert (watch.read(store)[0].state, watch.read(store)[0].answered) == ("done", 5)


def test_new_and_deleted_runs_are_seen_at_once(watch: RunWatch, store: Store, study: int) -> None:
    added = fill(store, "added")
    assert [run.id for run in watch.read(store)] == [added, study]
    runs.delete(store, study)
    assert [run.id for run in watch.read(store)] == [added]


def test_finished_runs_are_not_counted_again_at_each_change(
    watch: RunWatch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(store)
    asked: list[object] = []
    summaries = runs.summaries

    def noted(store: Store, run_ids: Sequence[int] | None = None) -> list[RunSummary]:
        asked.append(run_ids)
        return summaries(store, run_ids)

    monkeypatch.setattr(runs, "summaries", noted)
    watch.read(store)
    assert asked == [[2]]


def test_a_grade_for_a_finished_run_is_seen_when_everything_is_due(
    watch: RunWatch, store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.add_judge(store, study, "reference", "r1")
    stores.grade(store, study, {"FP16": [4, 4]}, judge="reference", fingerprint="r1")
    monkeypatch.setattr(run_watch, "WHOLE_SECONDS", 0.0)
    assert [judge.graded for judge in watch.read(store)[0].judges] == [16, 4]
