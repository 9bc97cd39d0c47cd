"""A judge that compares in the workbench: its win rates in Scores, its reasons in Compare, its progress in Runs."""

from pathlib import Path

import pytest

from qtui.store import Store
from qtui.ui.app import QtuiApp
from tests.compared_store import fill
from tests.ui.waiting import screen_text, until_shown

SIZES = [(160, 50), (80, 24)]


@pytest.fixture
def run_id(store: Store) -> int:
    return fill(store)


@pytest.mark.parametrize("size", SIZES)
async def test_win_rates_stand_beside_the_grades_and_have_a_view(
    store_path: Path, run_id: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "openai:arbiter pairwise: ")
        await pilot.press("J")
        await until_shown(pilot, "openai:arbiter pairwise, in both orders")
        await until_shown(pilot, "win rate")
        await until_shown(pilot, "turned")
        assert "✗" in screen_text(pilot)
        await pilot.press("J")
        await until_shown(pilot, "mean grade")


@pytest.mark.parametrize("size", SIZES)
async def test_compare_says_which_answer_is_preferred(store_path: Path, run_id: int, size: tuple[int, int]) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("4", "J")
        await until_shown(pilot, "in both orders")
        await pilot.press("3")
        await until_shown(pilot, "preferred")
        await until_shown(pilot, "not preferred")


async def test_reasons_of_both_orders_are_shown_and_hidden_in_blind_mode(store_path: Path, run_id: int) -> None:
    async with QtuiApp(store_path).run_test(size=(160, 50)) as pilot:
        await pilot.press("4", "J")
        await until_shown(pilot, "in both orders")
        await pilot.press("3", "r")
        await until_shown(pilot, "FP16 first: prefers")
        await until_shown(pilot, "Q2_K first: prefers")
        await pilot.press("b")
        await until_shown(pilot, "Answer A")
        assert "prefers" not in screen_text(pilot)


async def test_runs_counts_both_orders(store_path: Path, run_id: int) -> None:
    async with QtuiApp(store_path).run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, "openai:arbiter pairwise")
        await until_shown(pilot, "78/80")
        await until_shown(pilot, "2 unjudged")
