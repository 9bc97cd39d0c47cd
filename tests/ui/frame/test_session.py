"""Sessions of the real workbench with random keys and sizes: the terminal shows the same as if every widget were written whole."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Input

from qtui.config import Config
from qtui.store import open_store
from qtui.ui import app as app_module
from qtui.ui.app import QtuiApp
from qtui.ui.frame.changes import Changes
from tests.ui import conftest, hostile
from tests.ui.frame.emulated import Emulated
from tests.ui.waiting import until_shown

KEYS = (
    *"123456",
    *("j", "k", "G", "g", "pagedown", "pageup", "tab", "enter", "escape") * 2,
    *"onpdutvVJSrcfT",
    *("left_square_bracket", "right_square_bracket", "question_mark", "ctrl+p", "slash", "ctrl+l"),
)
SIZES = ((80, 24), (120, 40), (97, 31), (40, 12))
STEPS = 24
HOME = "\x1b[H"
"""Where Textual leaves the cursor after each frame."""


class Emulators:
    """Two terminals: one gets what qtui sends, the other what Textual would send."""

    def __init__(self, columns: int, lines: int) -> None:
        self.ours, self.whole = Emulated(columns, lines), Emulated(columns, lines)
        self.sent_ours = self.sent_whole = 0

    def resize(self, columns: int, lines: int) -> None:
        for terminal in (self.ours, self.whole):
            terminal.resize(columns, lines)


class EmulatedDriver(HeadlessDriver):
    """A driver to which frames are written."""

    emulators: Emulators

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.emulators.ours.write(data)


@pytest.fixture
def emulators(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulators]:
    both = Emulators(*SIZES[0])

    class Both(Changes):
        """Changes that are also written whole, to the other terminal."""

        def render_segments(self, console: Console) -> str:
            whole = self.update.render_segments(console)
            sent = super().render_segments(console)
            both.whole.write(HOME + whole)
            both.sent_whole += len(whole)
            both.sent_ours += len(sent)
            return sent

    monkeypatch.setattr(app_module, "Changes", Both)
    monkeypatch.setattr(EmulatedDriver, "emulators", both, raising=False)
    yield both


def _app(path: Path, config: Config | None = None) -> QtuiApp:
    app = QtuiApp(path, config=config)
    app.driver_class = EmulatedDriver
    return app


@pytest.mark.parametrize(("fill", "seed"), [(conftest.fill, 1), (hostile.fill, 2)], ids=["study", "hostile"])
async def test_after_any_key_and_size_the_terminal_shows_the_frame(
    fill: Any, seed: int, store_path: Path, emulators: Emulators
) -> None:
    store = open_store(store_path)
    fill(store)
    store.close()
    chance = random.Random(seed)
    app = _app(store_path)
    async with app.run_test(headless=False, size=SIZES[0]) as pilot:
        await until_shown(pilot, "Runs")
        for step in range(STEPS):
            if step % 12 == 11:
                size = chance.choice(SIZES)
                emulators.resize(*size)
                await pilot.resize_terminal(*size)
            key = chance.choice(KEYS)
            await pilot.press("escape" if isinstance(app.focused, Input) and chance.random() < 0.5 else key)
            await pilot.pause()
            assert emulators.ours.differences(emulators.whole) == [], f"after step {step}: {key}"
    assert 0 < emulators.sent_ours < emulators.sent_whole / 2


async def test_redraw_sends_the_whole_screen_after_another_program_wrote_on_it(
    study: int, store_path: Path, emulators: Emulators
) -> None:
    app = _app(store_path)
    async with app.run_test(headless=False, size=SIZES[0]) as pilot:
        await until_shown(pilot, "study")
        await pilot.pause()
        emulators.ours.write("\x1b[5;5Hfrom another program")
        assert emulators.ours.differences(emulators.whole)
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert emulators.ours.differences(emulators.whole) == []


async def test_a_resize_to_the_same_size_draws_everything_for_a_terminal_that_lost_it(
    study: int, store_path: Path, emulators: Emulators
) -> None:
    app = _app(store_path)
    async with app.run_test(headless=False, size=SIZES[0]) as pilot:
        await until_shown(pilot, "study")
        await pilot.pause()
        emulators.ours.write("\x1b[2J")
        await pilot.resize_terminal(*SIZES[0])
        await pilot.pause()
        assert emulators.ours.differences(emulators.whole) == []


async def test_with_redraw_full_textual_writes_its_frames_itself(
    study: int, store_path: Path, emulators: Emulators
) -> None:
    app = _app(store_path, Config(redraw="full"))
    async with app.run_test(headless=False, size=SIZES[0]) as pilot:
        await until_shown(pilot, "study")
        await pilot.pause()
        assert any("study" in row for row in emulators.ours.screen.display)
        assert emulators.sent_whole == 0
