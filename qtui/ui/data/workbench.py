"""The app as an interface for panes and dialogs, which cannot import it: the app imports them."""

from pathlib import Path
from typing import Protocol

from qtui.config import Config
from qtui.ui.data.figures_process import Numbers
from qtui.ui.data.reader import StoreReader


class Workbench(Protocol):
    """The part of the app that panes and dialogs use."""

    store_path: Path
    config: Config
    reader: StoreReader
    exit_lines: list[str]

    @property
    def numbers(self) -> Numbers: ...

    def store_changed(self, version: tuple[int, ...]) -> None: ...

    def redraw(self) -> None:
        """Send the whole screen to the terminal, whatever it shows."""
