"""The workbench: one app, one main screen, one reader of the store.

This module's imports delay the first frame; therefore panes and dialogs are imported when they are first needed.
"""

import gc
import os
import signal
import sys
import termios
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import WorkerFailed

from qtui import config as configuration
from qtui.config import Config
from qtui.errors import UserError
from qtui.processes import log
from qtui.store import open_store
from qtui.text import safe
from qtui.ui import keys, themes
from qtui.ui.data.reader import StoreReader
from qtui.ui.frame.changes import Changes, is_frame
from qtui.ui.frame.frame import Frame
from qtui.ui.main_screen import MainScreen
from qtui.ui.themes import ThemeFile

if TYPE_CHECKING:
    from textual.command import Provider

    from qtui.ui.data.figures_process import Numbers

GC_THRESHOLDS = (20_000, 50, 1000)
THEME_SECONDS = 1.0
TERMINAL_SECONDS = 2.0
WARM_AFTER_SECONDS = 1.0


def _palette() -> "type[Provider]":
    from qtui.ui.palette import WorkbenchCommands

    return WorkbenchCommands


class QtuiApp(App[None]):
    TITLE = "qtui"
    COMMANDS = {_palette}  # noqa: RUF012 - declared so by Textual
    BINDINGS: ClassVar[list[BindingType]] = []
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (140, "-wide")]  # noqa: RUF012 - declared so by Textual
    NOTIFICATION_TIMEOUT = 6

    def __init__(self, store_path: Path, *, config: Config | None = None, notices: Sequence[str] = ()) -> None:
        super().__init__()
        self.store_path = store_path
        self.config = config or Config()
        self.reader = StoreReader(store_path)
        self.exit_lines: list[str] = []
        """Lines to print after quitting, not wrapped, so that a command in them can be copied."""
        self.watches_terminal = False
        """Whether to quit when the terminal disappears; False in tests, which have none."""
        self._frame = None if self.config.redraw == "full" else Frame()
        self._numbers: Numbers | None = None
        self._store_version: tuple[int, ...] | None = None
        self._theme_files: dict[str, ThemeFile] = {}
        self._problems: list[str] = list(notices)
        self.set_keymap(dict(self.config.keymap))
        self._load_themes()

    @property
    def numbers(self) -> "Numbers":
        """The figures process, started when first needed."""
        if self._numbers is None:
            from qtui.ui.data.figures_process import Numbers

            self._numbers = Numbers()
            self._numbers.version = self._store_version
        return self._numbers

    def notify(self, message: str, **how: Any) -> None:
        """Show a notice, whose text may quote a file, a store or a server."""
        super().notify(safe(message), **how)

    def store_changed(self, version: tuple[int, ...]) -> None:
        """Note the store's new version: figures of an older one are out of date."""
        self._store_version = version
        if self._numbers is not None:
            self._numbers.version = version

    def redraw(self) -> None:
        """Send the whole screen to the terminal, whatever it shows."""
        if self._frame is not None:
            self._frame.forget()
        self.refresh(layout=True)

    def on_resize(self, event: events.Resize) -> None:
        """Draw everything: a terminal that was smaller for a moment, or left by Ctrl+Z, has lost what it showed."""
        if self._frame is not None:
            self._frame.forget()
        if event.size == self.size:
            self.refresh()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Textual's one place that writes frames to the terminal: write only the cells that changed."""
        shown: Any = renderable
        if self._frame is not None and is_frame(renderable):
            shown = Changes(renderable, self._frame)
        super()._display(screen, shown)

    def get_default_screen(self) -> MainScreen:
        return MainScreen()

    def action_command_palette(self) -> None:
        from qtui.ui.dialogs.dialog import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def on_ready(self) -> None:
        for problem in self._problems:
            self.notify(problem, severity="warning", timeout=12, markup=False)
        self.set_interval(THEME_SECONDS, self._reload_theme)
        if self.watches_terminal:
            self.set_interval(TERMINAL_SECONDS, _end_without_terminal)
            self.set_timer(WARM_AFTER_SECONDS, self._warm)
            threading.Thread(target=log.describe_machine, daemon=True, name="log").start()
        # Start-up objects live as long as the program: collecting garbage among them made single keys slow.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()

    def _warm(self) -> None:
        """Let the figures process import its libraries while the user reads the runs, so that Scores and Lengths open at once."""
        if isinstance(self.screen_stack[0], MainScreen) and self.screen_stack[0].runs:
            self.numbers.warm()

    def on_unmount(self) -> None:
        self.reader.close()
        if self._numbers is not None:
            self._numbers.close()

    def _fatal_error(self) -> None:
        """Exit without Textual's traceback: its local values could print a model's unsafe text on the terminal."""
        self._close_messages_no_wait()

    def _load_themes(self) -> None:
        theme_files, problems = themes.load_all()
        self._problems += [str(problem) for problem in problems]
        for theme_file in theme_files:
            self._theme_files[theme_file.theme.name] = theme_file
            self.register_theme(theme_file.theme)
        theme_name = self.config.theme
        if theme_name not in self.available_themes:
            self._problems.append(f'no theme "{theme_name}"{configuration.nearest(theme_name, self.available_themes)}')
            theme_name = themes.DEFAULT
        if theme_name in self.available_themes:
            self.theme = theme_name

    def suit_terminal(self) -> None:
        """On a terminal of sixteen colours replace the default theme by the one made for them; keep a theme that the user chose."""
        has_sixteen = self.console.color_system in ("standard", "windows")
        if has_sixteen and self.theme == themes.DEFAULT and themes.SIXTEEN in self.available_themes:
            self.theme = themes.SIXTEEN

    def _reload_theme(self) -> None:
        theme_file = self._theme_files.get(self.theme)
        if theme_file is None:
            return
        try:
            changed = themes.reload(theme_file)
        except UserError as problem:
            # Half-saved or invalid: notify once per change of the file and keep the colours.
            self._theme_files[self.theme] = replace(theme_file, changed=theme_file.path.stat().st_mtime_ns)
            self.notify(str(problem), severity="warning", markup=False)
            return
        if changed is not None:
            self._theme_files[changed.theme.name] = changed
            self.register_theme(changed.theme)
            if changed.theme.name == self.theme:
                self._watch_theme(self.theme)


def run(store_path: Path, *, notices: Sequence[str] = ()) -> None:
    """Run the workbench on a store until the user quits; `notices` are shown at the start.

    Raises UserError if the store cannot be opened, and the exception of a defect that ended the workbench. What is wrong in
    config.toml is a notice; its other settings are used.
    """
    gc.disable()
    open_store(store_path, must_write=False).close()
    config, problems = settings()
    app = QtuiApp(store_path, config=config, notices=(*notices, *problems))
    signal.signal(signal.SIGHUP, _end_at_once)
    signal.signal(signal.SIGTERM, lambda *_: app.call_later(app.exit))
    app.watches_terminal = True
    app.suit_terminal()
    app.run(mouse=config.mouse)
    sys.stderr.writelines(f"{line}\n" for line in app.exit_lines)
    if (error := app._exception) is not None:
        raise error.error if isinstance(error, WorkerFailed) else error


def settings() -> tuple[Config, tuple[str, ...]]:
    """Return the user's settings, and a sentence on each that is wrong and so is not used."""
    config, problems = configuration.load_valid(key_ids=keys.ids())
    return config, tuple(problems)


def _end_at_once(*_: Any) -> None:
    """Exit at once: without a terminal there is nothing to show or save, and runs continue as separate processes.

    Textual's own exit writes to the terminal, which is gone, and never returns.
    """
    log.end_command()
    os._exit(128 + signal.SIGHUP)


def _end_without_terminal() -> None:
    """Exit if the terminal is gone, which may give no signal (another process leads the session): its settings cannot be read."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    except (termios.error, ValueError, OSError):
        _end_at_once()
