"""The key J steps through judges; a judge with grades of one side only is shown on request and not at first."""

from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from qtui.store import open_store
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from tests import stores
from tests.filled_store import JUDGE, fill
from tests.ui.waiting import screen_text, until, until_shown

SIZES = [(80, 24), (160, 50)]


@pytest.fixture
def two_judges(tmp_path: Path) -> Path:
    """A judge with one take of both sides, and one with three takes of the baseline: more grades, which compare nothing."""
    path = tmp_path / "store.sqlite"
    run_id = fill(path, names=("FP16", "Q4_K_M"), grade_of={"FP16": [4] * 12, "Q4_K_M": [3] * 12})
    with closing(open_store(path)) as store:
        stores.add_judge(store, run_id, "one-sided", "o")
        for take in (1, 2, 3):
            stores.grade(store, run_id, {"FP16": [5] * 12}, judge="one-sided", fingerprint="o", take=take)
    return path


def judge_of(pilot: Pilot[None]) -> str | None:
    assert isinstance(pilot.app.screen, MainScreen)
    return pilot.app.screen.scope.judge


@pytest.mark.parametrize("size", SIZES)
async def test_a_one_sided_judge_is_not_opened_first_but_on_request(two_judges: Path, size: tuple[int, int]) -> None:
    async with QtuiApp(two_judges).run_test(size=size) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Task 1 of 12")
        assert judge_of(pilot) == JUDGE
        await pilot.press("J")
        await until(pilot, lambda: judge_of(pilot) == "one-sided")
        await pilot.press("J")
        await until(pilot, lambda: judge_of(pilot) == JUDGE)


@pytest.mark.parametrize("size", SIZES)
async def test_scores_compare_by_the_judge_of_both_sides_alone(two_judges: Path, size: tuple[int, int]) -> None:
    async with QtuiApp(two_judges).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, f"Graded 1–5 by {JUDGE}")
        assert "4.00 → 3.00" in screen_text(pilot)
