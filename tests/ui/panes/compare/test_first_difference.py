"""The line in Compare on where the candidate parts from the baseline, token by token: there when it is known, and not blind."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from qtui.records import AnswerDivergence, FirstDifference, TokenChoice
from qtui.store import Store, divergences, runs
from qtui.ui.app import QtuiApp
from qtui.ui.panes.compare.pane import ComparePane
from tests.ui.panes.compare.test_compare_pane import is_filled
from tests.ui.waiting import until

FIRST_DIFFERENCE = FirstDifference(16, 3, TokenChoice("は\n", 0.41, 0.12), TokenChoice("", 0.2, 0.3))


def measure(store: Store, first_difference: FirstDifference | None, task: int = 1) -> None:
    """One answer of the model in view, 43 tokens."""
    model = [variant for variant in runs.summaries(store)[0].variants if variant.model == "org/small"]
    pair = divergences.Pair(model[0].id, model[1].id)
    answer = divergences.missing(store, pair)[task - 1]
    made = AnswerDivergence(f"key {task}", b"\0" * 172, b"\0" * 172, b"\0" * 172, b"\3" * 43, first_difference)
    divergences.commit(store, pair, answer, divergences.Weights("b", "c"), made)


async def opened(pilot: Pilot[None], app: QtuiApp) -> ComparePane:
    await pilot.press("3")
    await until(pilot, lambda: app.screen.query(ComparePane) and is_filled(app.screen.query_one(ComparePane)))
    await pilot.pause()
    return app.screen.query_one(ComparePane)


@pytest.mark.parametrize("size", [(160, 50), (80, 24)])
async def test_token_where_they_part_is_told(store: Store, store_path: Path, study: int, size: tuple[int, int]) -> None:
    measure(store, FIRST_DIFFERENCE)
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        line = (await opened(pilot, app)).first_difference
        assert str(line.visual).startswith(
            "Diverges at token 17/43: 「は⏎」 p 0.41 → 0.12, candidate (end) p 0.20 → 0.30"
        )
        assert line.region.height == 1
        assert line.region.bottom <= size[1]


async def test_answer_that_is_nowhere_parted_is_told_too(store: Store, store_path: Path, study: int) -> None:
    measure(store, None)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        line = (await opened(pilot, app)).first_difference
        assert str(line.visual) == "The candidate predicts all 43 tokens of the baseline's answer."


async def test_no_line_where_nothing_was_measured_and_one_once_it_is(
    store: Store, store_path: Path, study: int
) -> None:
    measure(store, FIRST_DIFFERENCE, task=2)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        compare = await opened(pilot, app)
        assert not compare.first_difference.display
        await pilot.press("n")
        await until(pilot, lambda: compare.first_difference.display)
        await pilot.press("p")
        await until(pilot, lambda: not compare.first_difference.display)
        measure(store, None, task=1)
        await until(pilot, lambda: compare.first_difference.display)


async def test_blind_nothing_is_told(store: Store, store_path: Path, study: int) -> None:
    measure(store, FIRST_DIFFERENCE)
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        compare = await opened(pilot, app)
        assert compare.first_difference.display
        await pilot.press("b")
        await until(pilot, lambda: "BLIND" in str(compare.position.visual))
        assert not compare.first_difference.display


async def test_hostile_token_is_shown_harmless(store: Store, store_path: Path, study: int) -> None:
    hostile = FirstDifference(0, 0, TokenChoice("[/INST]\x1b[31m", 0.4, 0.1), TokenChoice("[b]\u202e", 0.2, 0.3))
    measure(store, hostile)
    app = QtuiApp(store_path)
    async with app.run_test(size=(160, 50)) as pilot:
        said = str((await opened(pilot, app)).first_difference.visual)
        assert "「[/INST]" in said
        assert "[b]" in said
        assert "\x1b" not in said
        assert "\u202e" not in said
