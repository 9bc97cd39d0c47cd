"""Scores on a real store: every row with its verdict, everything about the selected one, flips, bars, the study's figures."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from qtui.exchange import gpt4_autoeval
from qtui.figures.scores import MARGIN
from qtui.results import kept_figures
from qtui.results.score_figures import score_rows
from qtui.store import Store, runs
from qtui.ui.app import QtuiApp
from qtui.ui.data.workbench import Workbench
from qtui.ui.panes.compare.pane import ComparePane
from qtui.ui.panes.figures_pane import OUTDATED
from qtui.ui.panes.scores.pane import ScoresPane
from tests import stores
from tests.store.settled import state_of
from tests.ui.conftest import JUDGE, fill, fill_candidates
from tests.ui.waiting import screen_text, until, until_shown

SIZES = [(160, 50), (80, 24)]


@pytest.fixture
def published(store: Store, shared: Path) -> int:
    """The study's answers, imported: no pair has grades on both sides."""
    return gpt4_autoeval.write(store, gpt4_autoeval.read(shared / "data/gpt4-autoeval/assets")).run_id


async def opened(pilot: Pilot[None]) -> ScoresPane:
    await pilot.press("4")
    await until_shown(pilot, "verdict")
    await until_shown(pilot, "→ Q4_K_M ·")
    return pilot.app.screen.query_one(ScoresPane)


@pytest.mark.parametrize("size", SIZES)
async def test_every_pair_without_grades_is_listed_with_its_guards(
    store_path: Path, published: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await opened(pilot)
        assert screen_text(pilot).count("no grades yet") == 5
        assert screen_text(pilot).count(" changed") >= 2
        assert "No judge has graded both variants yet" in screen_text(pilot)
        await pilot.press("j", "j", "j")
        await until(pilot, lambda: "24 of 100 answers empty" in " ".join(screen_text(pilot).split()))


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.02)


@pytest.mark.parametrize("size", SIZES)
async def test_figures_of_an_earlier_state_are_shown_as_such_until_the_newer_ones_are_there(
    store: Store, store_path: Path, study: int, tmp_path: Path, size: tuple[int, int]
) -> None:
    assert kept_figures.keep(
        score_rows(store_path, (study,)), state_of(store_path), score_rows, store_path, (study,), MARGIN
    )
    stores.add_judge(store, study, JUDGE, "f2")  # the newest settings count, and have no grades
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        held = asyncio.create_task(cast(Workbench, pilot.app).numbers.ask(wait_for, tmp_path / "go on"))
        await pilot.press("4")
        await until(pilot, lambda: OUTDATED in " ".join(screen_text(pilot).split()))
        assert "no grades yet" not in screen_text(pilot)
        assert JUDGE in " ".join(screen_text(pilot).split())
        (tmp_path / "go on").touch()
        await held
        await until_shown(pilot, "no grades yet")
        await until(pilot, lambda: OUTDATED not in " ".join(screen_text(pilot).split()))


async def test_behaviour_is_shown_without_grades(store_path: Path, published: int) -> None:
    async with QtuiApp(store_path).run_test(size=(160, 50)) as pilot:
        await opened(pilot)
        await pilot.press("G")
        await until_shown(pilot, "behaviour: changed, shorter answers")


@pytest.mark.parametrize("size", SIZES)
async def test_a_graded_row_has_difference_interval_and_judge(
    store_path: Path, study: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await opened(pilot)
        screen = screen_text(pilot)
        assert "openai:gpt-4" in screen
        row = next(line for line in screen.splitlines() if "org/small" in line and "guarded" in line)
        assert "●" in row
        assert "0.00" in row
        assert "too few tasks" in screen


@pytest.mark.parametrize("size", SIZES)
async def test_figures_that_came_while_another_pane_was_in_view_are_all_there(
    store_path: Path, study: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = QtuiApp(store_path)
    ready, ask = asyncio.Event(), app.numbers.ask_at_leisure

    async def when_ready(function: Callable[..., Any], *arguments: Any) -> Any:
        if function is score_rows:
            await ready.wait()
        return await ask(function, *arguments)

    monkeypatch.setattr(app.numbers, "ask_at_leisure", when_ready)
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "Computing the scores")
        assert "Nothing to compare yet" not in screen_text(pilot), "said before it is known"
        await pilot.press("6")
        await until(pilot, lambda: "Computing the scores" not in screen_text(pilot))
        ready.set()
        pane = app.screen.query_one(ScoresPane)
        await until(pilot, lambda: pane.table.row_count)
        await pilot.pause(0.1)
        await pilot.press("4")
        await until_shown(pilot, "too few tasks")


async def test_two_judges_have_a_row_each_and_the_reference_is_named_as_overlap(
    store_path: Path, store: Store, study: int
) -> None:
    _grade_by_reference(store, study)
    async with QtuiApp(store_path).run_test(size=(160, 50)) as pilot:
        pane = await opened(pilot)
        assert pane.table.row_count == 4
        await pilot.press("j")
        await until_shown(pilot, "overlap with the reference answer (chrF as 1–5), not quality")


async def test_the_flipped_tasks_are_listed_and_enter_compares_one(store_path: Path, store: Store, study: int) -> None:
    _grade_by_reference(store, study)
    app = QtuiApp(store_path)
    async with app.run_test(size=(160, 50)) as pilot:
        pane = await opened(pilot)
        await pilot.press("j")
        await until_shown(pilot, "overlap with the reference answer")
        await pilot.press("f")
        await until(pilot, lambda: pane.flips.row_count == 2)
        assert "↓" in screen_text(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(ComparePane)))
        assert app.screen.scope.task == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES)
async def test_the_study_s_figures_stand_beside_one_s_own(
    store_path: Path, published: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("p")
        await until_shown(pilot, "2.26 → 2.58  +0.32")


async def test_bars_tell_baseline_and_candidate_apart_by_their_fill(store_path: Path, study: int) -> None:
    async with QtuiApp(store_path).run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("c")
        await until_shown(pilot, "candidate hatched")
        lines = screen_text(pilot).splitlines()
        assert any("FP16" in line and "█" in line for line in lines)
        assert any("Q4_K_M" in line and "▒" in line for line in lines)
        await pilot.press("escape")
        await until_shown(pilot, "verdict")


async def test_enter_opens_the_pair_in_compare(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("j")
        await until(pilot, lambda: app.screen.scope.model == "org/large")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(ComparePane)))


@pytest.mark.parametrize("size", SIZES)
async def test_no_number_is_cut(store_path: Path, store: Store, study: int, size: tuple[int, int]) -> None:
    _grade_by_reference(store, study)
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        pane = await opened(pilot)
        for y in range(pane.table.row_count + 1):
            line = pane.table.render_line(y).text
            assert "…" not in line.replace("org/…", "")
            assert len(line.rstrip()) <= size[0]


@pytest.mark.parametrize("size", SIZES)
async def test_rows_of_one_model_in_two_runs_can_be_told_apart(
    store_path: Path, store: Store, study: int, size: tuple[int, int]
) -> None:
    fill(store, "study with another sampling")
    _grade_by_reference(store, study)
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        pane = await opened(pilot)
        await until(pilot, lambda: pane.table.row_count == 6)
        shown = [pane.table.render_line(y).text.strip(" ▌▏") for y in range(1, 7)]
        assert len(set(shown)) == 6
        assert "study w" in shown[-1]


async def test_a_grade_that_comes_in_changes_the_row(store_path: Path, store: Store, published: int) -> None:
    async with QtuiApp(store_path).run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        assert screen_text(pilot).count("no grades yet") == 5
        _grade_by_reference(store, published)
        await until(pilot, lambda: "no grades yet" not in screen_text(pilot) and "overlap" in screen_text(pilot))


async def test_an_empty_store_says_what_to_do(store_path: Path, store: Store) -> None:
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "Press 1, then n for a new run")


def _grade_by_reference(store: Store, run_id: int) -> None:
    """Grades of a second judge: the baseline always gets 4; the candidate 4, and 2 for every second task."""
    stores.add_judge(store, run_id, "reference", "r1")
    [run] = runs.summaries(store, [run_id])
    values = {
        variant.name: [4 if variant.is_baseline or number % 2 else 2 for number in range(1, run.tasks + 1)]
        for variant in run.variants
    }
    stores.grade(store, run_id, values, judge="reference", fingerprint="r1", reasons="overlap")
    assert "reference" in [j.label for j in runs.summaries(store, [run_id])[0].judges]


async def test_the_cursor_follows_a_candidate_chosen_by_key(store_path: Path, store: Store) -> None:
    fill_candidates(store, {"F16": 0, "Q4_K_M": 1, "Q2_K": 3})
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: bool(pilot.app.screen.query(ScoresPane)))
        pane = pilot.app.screen.query_one(ScoresPane)
        await until(pilot, lambda: pane.table.row_count == 3 and pane.table.cursor == 2)
        await pilot.press("V")
        await until(pilot, lambda: pane.table.cursor == 1)
        await pilot.press("v", "v")
        await until(pilot, lambda: pane.table.cursor == 0)
