"""Lengths shows those of answers, and those of thoughts after `t`."""

from pathlib import Path

import pytest

from qtui.records import Answer, Thoughts
from qtui.store import Store
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from tests import stores
from tests.ui.conftest import fill, fill_candidates
from tests.ui.waiting import screen_text, until, until_shown


async def test_t_switches_between_answers_and_thoughts(store_path: Path, store: Store) -> None:
    run_id = fill(store, models=("small",))
    for variant, length in (("FP16", 30), ("Q4_K_M", 70)):
        for number in range(1, 5):
            given = Answer(f"{variant}{number}", "海", "stop", 4, 20, thoughts=Thoughts("考" * length, None, 9))
            stores.answer(store, run_id, variant, number, given)
    async with QtuiApp(store_path).run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until_shown(pilot, "1 → 1")
        await pilot.press("t")
        await until_shown(pilot, "THOUGHTS · above")
        await until_shown(pilot, "30 → 70")
        await pilot.press("t")
        await until_shown(pilot, "1 → 1")


async def test_t_keeps_the_candidate_although_it_has_no_thoughts(store_path: Path, store: Store) -> None:
    run_id = fill_candidates(store, {"Q4_K_M": 4, "Q2_K": 2})
    for variant in ("FP16", "Q4_K_M"):
        for number in range(1, 5):
            given = Answer(f"{variant}{number}", "海", "stop", 4, 20, thoughts=Thoughts("考" * 30, None, 9))
            stores.answer(store, run_id, variant, number, given)
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await until_shown(pilot, "quartiles")
        screen = app.screen
        assert isinstance(screen, MainScreen)
        await pilot.press("j")
        await until(pilot, lambda: screen.scope.candidate == "Q2_K")
        await pilot.press("t")
        await until_shown(pilot, "THOUGHTS · above")
        await pilot.press("t")
        await until(pilot, lambda: "THOUGHTS" not in screen_text(pilot) and "quartiles" in screen_text(pilot))
        await pilot.pause()
        assert screen.scope.candidate == "Q2_K"


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_side_without_thoughts_is_told_from_a_missing_one(
    store_path: Path, store: Store, size: tuple[int, int]
) -> None:
    run_id = fill(store, models=("small",))
    for number in range(1, 5):
        given = Answer(f"a{number}", "海", "stop", 4, 20, thoughts=Thoughts("考" * (30 + 200 * (number == 4)), None, 9))
        stores.answer(store, run_id, "Q4_K_M", number, given)
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("5")
        await until_shown(pilot, "quartiles")
        await pilot.press("t")
        await until_shown(pilot, "baseline without thoughts")
        [legend] = [line for line in screen_text(pilot).splitlines() if "THOUGHTS" in line]
        assert not legend.rstrip().endswith("│")
        await pilot.press("enter")
        await until_shown(pilot, "only one side has thoughts")
