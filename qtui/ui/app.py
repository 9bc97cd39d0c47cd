"""The workbench as a program: one app, one main screen, one reader of the store.

What it imports decides the time to the first frame: panes, dialogs and themes load where they are first needed.
"""

import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import BindingType

from qtui import config as configuration
from qtui.config import Config
from qtui.store import open_store
from qtui.ui import keys
from qtui.ui.reader import StoreReader
from qtui.ui.screens.main import MainScreen

if TYPE_CHECKING:
    from qtui.ui.numbers import Numbers

GC_THRESHOLDS = (20_000, 50, 1000)


class QtuiApp(App[None]):
    TITLE = "qtui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []
    NOTIFICATION_TIMEOUT = 6

    def __init__(self, store_path: Path, *, config: Config | None = None) -> None:
        super().__init__()
        self.store_path = store_path
        self.config = config or Config()
        self.reader = StoreReader(store_path)
        self._numbers: Numbers | None = None
        self.set_keymap(dict(self.config.keymap))

    @property
    def numbers(self) -> "Numbers":
        """The process that computes, started when first needed."""
        if self._numbers is None:
            from qtui.ui.numbers import Numbers

            self._numbers = Numbers()
            self._numbers.version = self._store_version
        return self._numbers

    def store_changed(self, version: tuple[int, int]) -> None:
        """Figures of an earlier version of the store are not asked for again."""
        self._store_version = version
        if self._numbers is not None:
            self._numbers.version = version

    def get_default_screen(self) -> MainScreen:
        return MainScreen()

    def on_ready(self) -> None:
        # Collections of what start-up made were the spikes of key latency: it lives as long as the program, so it is not looked at.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def on_unmount(self) -> None:
        self.reader.close()
        if self._numbers is not None:
            self._numbers.close()


def run(store_path: Path) -> None:
    """Open the workbench on a store until the user quits. Raises UserError where the store cannot be opened."""
    open_store(store_path).close()
    config = configuration.load(key_ids=keys.ids())
    app = QtuiApp(store_path, config=config)
    _die_with_the_terminal()
    app.run(mouse=config.mouse)


def _die_with_the_terminal() -> None:
    """Without a terminal there is nothing to show and nothing to save: runs are processes of their own and go on."""
    signal.signal(signal.SIGHUP, _end_at_once)


def _end_at_once(_signal: int, _frame: Any) -> None:
    # Textual's own way out writes to the terminal, which is gone, and never returns.
    os._exit(128 + signal.SIGHUP)
