"""Panes after a judge's prompt changed and the run was graded again: the new grades alone, take by take."""

from pathlib import Path

import pytest

from qtui.ui.app import QtuiApp
from tests.regraded_store import JUDGE, fill
from tests.ui.waiting import screen_text, until_shown

WIDE = (160, 50)


@pytest.fixture
def regraded(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    fill(path)
    return path


async def test_compare_shows_each_take_once(regraded: Path) -> None:
    async with QtuiApp(regraded).run_test(size=WIDE) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Candidate Q4_K_M")
        await until_shown(pilot, f"{JUDGE} 4.50 (5 4)")
        await until_shown(pilot, f"{JUDGE} 2.50 (3 2)")
        assert screen_text(pilot).count(JUDGE) == 3, "once for each side, once in the header"


async def test_scores_compares_the_new_grades(regraded: Path) -> None:
    async with QtuiApp(regraded).run_test(size=WIDE) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "4.50")
        await until_shown(pilot, "2.50")


async def test_tasks_lists_the_change_of_the_new_grades(regraded: Path) -> None:
    async with QtuiApp(regraded).run_test(size=WIDE) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "4 tasks")
        await until_shown(pilot, "−2")
