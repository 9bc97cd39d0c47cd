"""The class that the six panes extend: it gives a pane the scope and the reader, and decides when the pane reads again.

A pane reads when it becomes visible, when the scope changes, and when the store changes while the pane is visible. Reads of one
pane never overlap. A pane reads at most twice a second when the store changes, and without a wait when the scope changes.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual.containers import Vertical
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.events import DescendantFocus
from textual.message import Message
from textual.widget import Widget

from qtui.errors import UserError
from qtui.ui.data.reader import StoreGoneError, StoreReader
from qtui.ui.data.scope import Scope
from qtui.ui.data.workbench import Workbench

if TYPE_CHECKING:
    from qtui.run_progress import RunSummary

SECONDS_BETWEEN_READS = 0.5


class MainView(Protocol):
    """The part of the main screen that a pane may use."""

    scope: Scope
    runs: "tuple[RunSummary, ...]"


class Pane(Vertical):
    """A pane. A subclass overrides `refresh_data`, sets TITLE, and takes its BINDINGS from `keys.bindings_for`."""

    TITLE: ClassVar[str] = ""
    DEFAULT_CSS = """
    Pane { height: 1fr; }
    """

    @dataclass
    class ScopeRequested(Message):
        """The user chose something that other panes also use."""

        changes: dict[str, Any]
        pane: str | None

    def __init_subclass__(cls, **options: Any) -> None:
        # The classes for the width are set on the screen. CSS rules scoped to the pane could not refer to its ancestor.
        if "SCOPED_CSS" not in cls.__dict__:
            cls.SCOPED_CSS = False
        super().__init_subclass__(**options)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.shown = False
        self._stale = True
        self._urgent = asyncio.Event()
        self._reading = False
        self._last_problem = ""
        self._last_focused: Widget | None = None

    @property
    def workbench(self) -> Workbench:
        return cast(Workbench, self.app)

    @property
    def reader(self) -> StoreReader:
        return self.workbench.reader

    @property
    def scope(self) -> Scope:
        return cast(MainView, self.screen).scope

    @property
    def runs(self) -> "tuple[RunSummary, ...]":
        """All runs as of the last change of the store, the newest first: panes need not read them again."""
        return cast(MainView, self.screen).runs

    def select(self, *, pane: str | None = None, **changes: Any) -> None:
        """Request a changed scope (fields of Scope), and optionally another pane."""
        self.post_message(self.ScopeRequested(changes, pane))

    async def refresh_data(self) -> None:
        """Read and show the data. Calls never overlap."""

    def show_pane(self) -> None:
        """Mark the pane as visible and focus its content. Read if its data is out of date."""
        self.shown = True
        self.focus_content()
        if self._stale:
            self.data_changed(at_once=True)

    def hide_pane(self) -> None:
        self.shown = False

    def data_changed(self, *, at_once: bool = False) -> None:
        """Mark the data as out of date, and read if the pane is visible. `at_once` (for what the user changed) skips the wait."""
        self._stale = True
        if at_once:
            self._urgent.set()
        if self.shown and not self._reading:
            self._reading = True
            self.run_worker(self._read_until_fresh(), group="refresh_data")

    def focus_content(self) -> None:
        """Focus the widget that had the focus last in this pane, else the first focusable one, else the pane."""
        if self.screen.focused is not None and self in self.screen.focused.ancestors_with_self:
            return
        candidates = [widget for widget in self.query("*") if widget.focusable and self._is_displayed(widget)]
        if self._last_focused in candidates:
            candidates = [self._last_focused]
        # If nothing inside can have the focus, the pane has it: without a focus the keys of the pane would not work.
        self.can_focus = not candidates
        (candidates or [self])[0].focus(scroll_visible=False)

    def _is_displayed(self, widget: Widget) -> bool:
        """Whether a widget and its ancestors are displayed. `focusable` is true for a hidden widget too (a closed filter)."""
        node: DOMNode | None = widget
        while node is not None and node is not self:
            if not node.display:
                return False
            node = node.parent
        return True

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._last_focused = event.widget

    async def _read_until_fresh(self) -> None:
        """Read again as long as the data is out of date and the pane is visible."""
        try:
            while self._stale and self.shown and self.is_attached:
                self._stale = False
                self._urgent.clear()
                await self._read_once()
                await self._wait_between_reads()
        finally:
            self._reading = False

    async def _read_once(self) -> None:
        try:
            await self.refresh_data()
            self._last_problem = ""
        except UserError as problem:
            # Notify once, not twice a second, while the store cannot be read.
            if str(problem) != self._last_problem:
                await self.show_problem(problem)
            self._last_problem = str(problem)
        except NoMatches:
            # A screen that closes during a read removes the widgets of a pane before the pane.
            if self.is_attached and self.is_running:
                raise

    async def show_problem(self, problem: UserError) -> None:
        """Notify the user of a problem, unless the store is gone: the main screen shows that for all panes."""
        try:
            # An empty read: it fails if the store is gone.
            await self.reader.read(lambda _store: None)
        except StoreGoneError:
            return
        except UserError:
            pass
        self.notify(str(problem), severity="error", markup=False)

    async def _wait_between_reads(self) -> None:
        """Wait `SECONDS_BETWEEN_READS`, or until the user changes something."""
        try:
            await asyncio.wait_for(self._urgent.wait(), SECONDS_BETWEEN_READS)
        except TimeoutError:
            return
