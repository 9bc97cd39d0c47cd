"""Compare folds thoughts away, and a key shows them above the answer with the differences still marked in the answer."""

from pathlib import Path

import pytest

from qtui.records import Answer, Thoughts
from qtui.store import Store
from qtui.ui.app import QtuiApp
from qtui.ui.panes.compare.pane import ComparePane
from tests import stores
from tests.ui.conftest import fill
from tests.ui.waiting import notices, screen_text, until, until_shown


@pytest.mark.parametrize("size", [(160, 50), (80, 24)])
async def test_thoughts_are_folded_away_until_a_key_shows_them(
    store_path: Path, store: Store, size: tuple[int, int]
) -> None:
    run_id = fill(store, models=("small",))
    thoughts = Thoughts("\x1b[31m五七五で考える。", None, 9)
    stores.answer(store, run_id, "FP16", 1, Answer("thought", "海の風", "stop", 4, 20, thoughts=thoughts))
    endless = Thoughts("まだ考える。", None, None, is_unfinished=True)
    stores.answer(store, run_id, "Q4_K_M", 1, Answer("endless", "", "length", 4, 20, thoughts=endless))
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "海の風")
        screen = screen_text(pilot)
        assert "五七五で考える" not in screen
        assert "UNFINISHED THOUGHT" in screen
        assert "ended inside a thought" in screen
        await pilot.press("T")
        await until_shown(pilot, "五七五で考える。")
        screen = screen_text(pilot)
        assert "まだ考える。" in screen
        assert (
            screen.index("thoughts ──")
            < screen.index("五七五で考える。")
            < screen.index("answer ──")
            < screen.rindex("海の風")
        )
        left = pilot.app.screen.query_one(ComparePane).left.answer
        assert "\x1b" not in left.text
        await pilot.press("T")
        await pilot.pause()
        assert "五七五で考える" not in screen_text(pilot)


async def test_answers_without_thoughts_have_nothing_to_show(store_path: Path, store: Store) -> None:
    fill(store, models=("small",))
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Baseline FP16")
        await pilot.press("T")
        await until(pilot, lambda: "Neither answer has thoughts." in [each.message for each in notices(app)])
