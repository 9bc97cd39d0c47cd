"""Lengths shows those of answers, and those of thoughts after `t`."""

from pathlib import Path

from qtui.records import Answer, Thoughts
from qtui.store import Store
from qtui.ui.app import QtuiApp
from tests import stores
from tests.ui.conftest import fill
from tests.ui.waiting import until_shown


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
        await until_shown(pilot, "THOUGHTS (t: answers)")
        await until_shown(pilot, "30 → 70")
        await pilot.press("t")
        await until_shown(pilot, "1 → 1")
