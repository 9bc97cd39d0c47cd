"""After a judge's prompt changed and a run was graded again, whatever reads grades has the new ones alone, take by take."""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtui.cli import cli
from qtui.exchange import export
from qtui.results.answers import comparison, pairs
from qtui.store import Store, grades, judges, leases, open_store
from qtui.store.task_answers import sides
from tests.regraded_store import CURRENT, JUDGE, MODEL, NEW, OLD, fill, grade, use_prompt

Shown = dict[tuple[str, int], int | None]
"""(variant, take) → grade of the first task's answer."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "store.sqlite"
    fill(file)
    monkeypatch.setenv("QTUI_STORE", str(file))
    return file


@pytest.fixture
def store(path: Path) -> Store:
    return open_store(path)


def unique(shown: Iterable[tuple[tuple[str, int], int | None]]) -> Shown:
    """Fails where an answer has two grades of one take."""
    listed = list(shown)
    assert len(listed) == len(dict(listed)), listed
    return dict(listed)


def qtui(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def in_panes(path: Path) -> Shown:
    """What Compare and Tasks read."""
    with closing(open_store(path)) as store:
        task = sides(store, 1, MODEL, 1)
    assert task is not None
    return unique(((side.variant, line.take), line.grade) for side in task.sides for line in side.answers[0].grades)


def in_comparison(path: Path) -> Shown:
    shown = comparison(path, pairs(path, (1,))[0], 1)
    both = [side for side in (shown.baseline, shown.candidate) if side is not None]
    return unique(((side.variant, line.take), line.grade) for side in both for line in side.grades)


def in_compare_command(path: Path) -> Shown:
    shown = json.loads(qtui("compare", "1", "--json"))
    both = (shown["baseline"], shown["candidate"])
    return unique(((side["variant"], line["take"]), line["grade"]) for side in both for line in side["grades"])


def in_export(path: Path) -> Shown:
    lines = [json.loads(line) for line in qtui("export", "grades", "--format", "jsonl").splitlines()]
    return unique(((line["variant"], line["take"]), line["grade"]) for line in lines if line["task"] == 1)


def in_exported_rows(path: Path) -> Shown:
    table = export.grade_rows(path, [1])
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return unique(((row["variant"], row["take"]), row["grade"]) for row in rows if row["task"] == 1)


def in_rows(path: Path) -> Shown:
    """What scores are computed from."""
    with closing(open_store(path)) as store:
        rows = grades.rows(store, [1])
    return unique(((row["name"], row["take"]), row["grade"]) for row in rows if row["position"] == 1)


@pytest.mark.parametrize("reader", [in_panes, in_comparison, in_compare_command, in_export, in_exported_rows, in_rows])
def test_only_the_grades_of_the_new_prompt_are_shown_and_takes_stay_apart(
    path: Path, reader: Callable[[Path], Shown]
) -> None:
    assert reader(path) == CURRENT


def test_scores_are_means_over_the_takes_of_the_new_prompt(path: Path) -> None:
    [pair] = json.loads(qtui("scores", "--json"))["pairs"]
    assert (pair["judge"], pair["takes"], pair["ungraded"]) == (JUDGE, 2, 0)
    assert (pair["baseline_mean"], pair["candidate_mean"], pair["difference"]) == (4.5, 2.5, -2.0)


def test_grades_by_a_prompt_that_is_used_again_are_current_again(path: Path, store: Store) -> None:
    use_prompt(store, OLD)
    assert in_panes(path) == in_rows(path) == dict.fromkeys(CURRENT, 1)
    use_prompt(store, NEW)
    assert in_panes(path) == in_rows(path) == CURRENT


def test_same_prompt_again_changes_no_row(store: Store) -> None:
    before = judges.of_run(store, 1)
    use_prompt(store, NEW)
    assert judges.of_run(store, 1) == before


def test_judge_keeps_its_id_while_a_runner_works_on_the_run(path: Path, store: Store) -> None:
    """The runner knows it by this id."""
    ids = [judge.id for judge in judges.of_run(store, 1)]
    leases.take(store, 1)
    use_prompt(store, OLD)
    assert [judge.id for judge in judges.of_run(store, 1)] == ids


def test_judge_that_a_person_added_stays_current_when_the_experiment_is_resumed(path: Path, store: Store) -> None:
    with store.writing():
        judges.ask(store, 1, JUDGE, "a third prompt", takes=2, settings={judges.ADDED: True})
    grade(store, 1, "a third prompt", dict.fromkeys(CURRENT, 4))
    use_prompt(store, NEW)
    assert in_panes(path) == in_rows(path) == dict.fromkeys(CURRENT, 4)


def test_new_prompt_that_failed_before_its_first_grade_leaves_the_former_grades_current(
    path: Path, store: Store
) -> None:
    use_prompt(store, "a third prompt", state="failed")
    assert in_panes(path) == in_rows(path) == in_compare_command(path) == CURRENT


def test_new_prompt_with_a_first_grade_is_current_although_it_failed(path: Path, store: Store) -> None:
    use_prompt(store, "a third prompt", state="failed")
    grade(store, 1, "a third prompt", dict.fromkeys(CURRENT, None) | {("FP16", 1): 5})
    assert in_panes(path) == in_rows(path) == dict.fromkeys(CURRENT, None) | {("FP16", 1): 5}
