"""The plots of one model: their keys, the tasks behind a bar or a point, tokens, and signs that need no colour."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from qtui.records import Answer
from qtui.store import Store
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from qtui.ui.panes.lengths.pane import LengthsPane
from tests import stores
from tests.ui.conftest import fill
from tests.ui.waiting import notices, screen_text, until, until_shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])
LENGTHS = {"FP16": (10, 40, 200, 200), "Q4_K_M": (10, 90, 40, 5)}
"""By variant, the characters of its answers to the four tasks."""


@pytest.fixture
def measured(store: Store) -> int:
    """A model whose answers have the lengths of `LENGTHS`, and half as many tokens."""
    run_id = fill(store, "measured", models=("org/small",))
    for variant, lengths in LENGTHS.items():
        for number, length in enumerate(lengths, start=1):
            given = Answer(f"{variant} {number}", "海" * length, "stop", 4, length // 2)
            stores.answer(store, run_id, variant, number, given)
    return run_id


async def opened(pilot: Pilot[None]) -> LengthsPane:
    """Open the model's plots."""
    await pilot.press("5")
    await until_shown(pilot, "quartiles")
    await pilot.press("enter")
    await until_shown(pilot, "FP16, above")
    await until_shown(pilot, "task 1: ○10 ●10")
    return pilot.app.screen.query_one(LengthsPane)


@SIZES
async def test_keys_go_through_the_plots_the_bars_the_sides_and_the_axes(
    store_path: Path, measured: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        lengths = await opened(pilot)
        await until(pilot, lambda: "○" in lengths.detail.distribution.render().plain)
        assert "●" in lengths.detail.distribution.render().plain
        assert "Q4_K_M, 9–16 characters: 1 answer" in screen_text(pilot)
        await pilot.press("right")
        await until_shown(pilot, "Q4_K_M, 34–41 characters: 1 answer")
        assert "━" in screen_text(pilot)
        await pilot.press("s")
        await until_shown(pilot, "FP16, 9–16 characters: 1 answer")
        await pilot.press("right", "right")
        await until_shown(pilot, "FP16, 192–200 characters: 2 answers")
        await pilot.press("p")
        await until_shown(pilot, "density")
        await pilot.press("p")
        await until_shown(pilot, "FP16, up to 200 characters: 4 answers")
        await until_shown(pilot, "50%")
        await pilot.press("l", "l")
        await until_shown(pilot, "logarithmic axis")
        await pilot.press("p")
        await until_shown(pilot, "FP16, characters")
        await until_shown(pilot, "FP16 10 and Q4_K_M 10 characters")
        assert "Side" not in screen_text(pilot).splitlines()[-1]
        await pilot.press("P", "P")
        await until_shown(pilot, "density")


@SIZES
async def test_enter_lists_the_tasks_of_a_bar_and_escape_leads_back(
    store_path: Path, measured: int, size: tuple[int, int]
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("s", "right", "right", "enter")
        await until_shown(pilot, "2 of 4 tasks")
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert "FP16, 192–200 characters (Esc: back)" in screen_text(pilot)
        assert screen.scope.among is not None
        assert screen.scope.among.tasks == (3, 4)
        await until(pilot, lambda: screen.scope.task == 3)
        await pilot.press("escape")
        await until_shown(pilot, "task 3: ○200 ●40")
        assert screen.scope.among is None


async def test_a_point_leads_to_its_task_and_moves_the_cursor_of_the_other_panes(
    store_path: Path, measured: int
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("P", "right", "right")
        await until_shown(pilot, "FP16 200 and Q4_K_M 5 characters: 1 answer · task 4: ○200 ●5")
        await pilot.press("enter")
        await until_shown(pilot, "1 of 4 tasks")
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert screen.scope.task == 4
        await pilot.press("right_square_bracket", "escape")
        await until_shown(pilot, "task 4: ○200 ●5")


async def test_lengths_are_measured_in_tokens_where_these_are_stored(store_path: Path, measured: int) -> None:
    async with QtuiApp(store_path).run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("u")
        await until_shown(pilot, "task 1: ○5 ●5")
        await until_shown(pilot, "tokens: 1 answer")
        await pilot.press("u")
        await until_shown(pilot, "task 1: ○10 ●10")


async def test_a_sentence_stands_for_plots_of_tokens_that_are_not_stored(store_path: Path, store: Store) -> None:
    run_id = fill(store, models=("org/small",))
    for variant, characters in LENGTHS.items():
        for number, length in enumerate(characters, start=1):
            stores.answer(store, run_id, variant, number, Answer(f"{variant} {number}", "海" * length, "stop"))
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        lengths = await opened(pilot)
        await pilot.press("u")
        await until_shown(pilot, "No numbers of tokens are stored for the answers of both sides. Press u")
        assert not lengths.detail.query_one("#length-plots").display
        await pilot.press("enter")
        await until(pilot, lambda: notices(app))


async def test_the_chosen_bar_and_the_sides_need_no_colour(
    store_path: Path, measured: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        screen = screen_text(pilot)
        assert all(sign in screen for sign in ("█ FP16, above", "⣿ Q4_K_M, below", "○", "●", "━"))
