"""The app, as panes and dialogs may use it: they import no app, which imports them."""

from pathlib import Path
from typing import Protocol

from qtui.config import Config
from qtui.ui.data.figures_process import Numbers
from qtui.ui.data.reader import StoreReader


class Workbench(Protocol):
    """The app of a pane or dialog."""

    store_path: Path
    config: Config
    reader: StoreReader
    exit_lines: list[str]

    @property
    def numbers(self) -> Numbers: ...

    def store_changed(self, version: tuple[int, ...]) -> None: ...
