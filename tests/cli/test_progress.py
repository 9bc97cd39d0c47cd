"""A run's progress where stderr is no terminal: a few lines with times, names from outside as they are."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qtui.cli.progress import SECONDS_BETWEEN_LINES, Lines, watch
from qtui.run_progress import JudgeProgress, RunSummary
from qtui.store import open_store, runs
from qtui.variant_facts import VariantFacts
from tests.cli.conftest import GOOD
from tests.filled_store import fill


def watched(path: Path, run_id: int) -> None:
    store = open_store(path)
    watch(store, run_id)
    store.close()


def test_judges_have_their_lines_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path, grade_of={"FP16": GOOD})
    watched(path, run_id)
    assert "judge openai:strict: done (12 of 12)" in capsys.readouterr().err


def test_a_name_between_colons_is_no_emoji(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    store = open_store(path)
    runs.set_state(store, run_id, "failed", "judge openai:loop: gone :smile:")
    store.close()
    watched(path, run_id)
    told = capsys.readouterr().err
    assert "run 1 failed: 36 of 36 answers" in told
    assert "judge openai:loop: gone :smile:" in told


def test_every_line_says_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    watched(path, fill(path))
    assert re.fullmatch(
        r"(\d\d:\d\d:\d\d (FP16|Q4_K_M|Q2_K): done \(12 of 12\)\n){3}run 1 is done.*\n", capsys.readouterr().err
    )


@pytest.fixture
def run(tmp_path: Path) -> RunSummary:
    """One variant and one judge of a run that has not begun."""
    store = open_store(tmp_path / "store.sqlite")
    run_id = fill(tmp_path / "store.sqlite", grade_of={"FP16": GOOD})
    found = runs.summaries(store, [run_id])[0]
    store.close()
    variant = replace(found.variants[0], state="waiting", answered=0, facts=VariantFacts())
    return replace(found, state="running", variants=(variant,), judges=())


def doing(run: RunSummary, state: str, answered: int = 0, phase: str = "", **facts: Any) -> RunSummary:
    return replace(
        run,
        variants=(replace(run.variants[0], state=state, answered=answered, phase=phase, facts=VariantFacts(**facts)),),
    )


def test_what_is_only_prepared_is_not_told(run: RunSummary) -> None:
    lines = Lines()
    assert [*lines.due_lines(run, 0), *lines.due_lines(doing(run, "preparing", 12), 1)] == []
    assert [*lines.due_lines(doing(run, "done", 12), 1.5)] == ["FP16: done (12 of 12)"]


def test_each_step_of_loading_has_one_line(run: RunSummary) -> None:
    lines = Lines()
    said = [
        line
        for now, (phase, fraction) in enumerate(
            [("fetching", 0.2), ("fetching", 0.9), ("quantizing", 0.4), ("quantizing", 0.5)]
        )
        for line in lines.due_lines(doing(run, "loading", phase=phase, loading_fraction=fraction), now)
    ]
    assert said == ["FP16: fetching", "FP16: quantizing"]


def test_a_long_step_says_once_a_minute_how_far_it_is(run: RunSummary) -> None:
    lines = Lines()
    said = [
        line
        for now in range(200)
        for line in lines.due_lines(doing(run, "answering", now // 20, tokens_per_second=5), now)
    ]
    assert said == [
        "FP16: answering · 5 tok/s",
        "FP16: answering · 5 tok/s (3 of 12)",
        "FP16: answering · 5 tok/s (6 of 12)",
        "FP16: answering · 5 tok/s (9 of 12)",
    ]
    assert SECONDS_BETWEEN_LINES == 60


def test_the_end_says_how_long_it_took(run: RunSummary) -> None:
    lines = Lines()
    assert [*lines.due_lines(run, 0), *lines.due_lines(doing(run, "loading", phase="loading weights"), 100)] == [
        "FP16: loading weights"
    ]
    assert [*lines.due_lines(doing(run, "done", 12), 225)] == ["FP16: done (12 of 12) in 2:05"]


def test_a_pause_is_no_part_of_how_long_it_took(run: RunSummary) -> None:
    lines, loading = Lines(), doing(run, "loading", phase="loading weights")
    for now, state in ((100, "running"), (110, "paused"), (3600, "paused"), (4000, "running")):
        list(lines.due_lines(replace(loading, state=state), now))
    assert [*lines.due_lines(doing(run, "done", 12), 4020)] == ["FP16: done (12 of 12) in 0:30"]


def test_who_comes_later_says_no_time_for_what_was_at_work_before(run: RunSummary) -> None:
    lines = Lines(from_start=False)
    assert [*lines.due_lines(doing(run, "answering", 3), 0)] == ["FP16: answering (3 of 12)"]
    assert [*lines.due_lines(doing(run, "done", 12), 50)] == ["FP16: done (12 of 12)"]


def test_who_comes_later_says_the_time_of_what_began_since(run: RunSummary) -> None:
    lines = Lines(from_start=False)
    assert [
        *lines.due_lines(run, 0),
        *lines.due_lines(doing(run, "answering"), 5),
        *lines.due_lines(doing(run, "done", 12), 50),
    ] == [
        "FP16: answering",
        "FP16: done (12 of 12) in 0:45",
    ]


def test_a_failure_is_told_with_its_reason_alone(run: RunSummary) -> None:
    failed = replace(run, variants=(replace(run.variants[0], state="failed", answered=4, reason="no memory"),))
    assert [*Lines().due_lines(failed, 0)] == ["FP16: failed: no memory"]


def test_a_judge_says_how_many_it_could_not_grade(run: RunSummary) -> None:
    judge = JudgeProgress(
        id=1, run_id=1, label="j", takes=1, state="done", reason="", expected=12, graded=10, ungraded=2
    )
    assert [*Lines().due_lines(replace(run, judges=(judge,)), 0)] == ["judge j: done · 2 ungraded (12 of 12)"]
