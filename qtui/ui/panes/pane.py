"""What the six panes have in common: a scope, a reader, and when to read again.

A pane reads when it becomes visible, when the scope changes, and when the store changes while it is visible. Reads of one pane
never overlap; changes of the store are answered at most twice a second, changes of the scope at once.
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
    from qtui.records import RunSummary

SECONDS_BETWEEN_READS = 0.5


class MainView(Protocol):
    """What a pane may use of the screen."""

    scope: Scope
    runs: "tuple[RunSummary, ...]"


class Pane(Vertical):
    """One of the six. A subclass overrides `refresh_data`, sets TITLE, and takes its BINDINGS from `keys.bindings_for`."""

    TITLE: ClassVar[str] = ""
    DEFAULT_CSS = """
    Pane { height: 1fr; }
    """

    @dataclass
    class ScopeWanted(Message):
        """The user chose something that other panes look at, too."""

        changes: dict[str, Any]
        pane: str | None

    def __init_subclass__(cls, **options: Any) -> None:
        # Width classes sit on the screen, above the pane: its rules must be able to name them.
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
        """All runs as of the last change of the store, the newest first: no pane needs to read them again."""
        return cast(MainView, self.screen).runs

    def select(self, *, pane: str | None = None, **changes: Any) -> None:
        """Ask for a changed scope (fields of Scope), and to switch to another pane."""
        self.post_message(self.ScopeWanted(changes, pane))

    async def refresh_data(self) -> None:
        """Read and show. Called when needed and never while an earlier call is at work."""

    def show_pane(self) -> None:
        """The pane came into view."""
        self.shown = True
        self.focus_content()
        if self._stale:
            self.data_changed(at_once=True)

    def hide_pane(self) -> None:
        self.shown = False

    def data_changed(self, *, at_once: bool = False) -> None:
        """What is shown is out of date. `at_once` for what the user did, False for what a runner wrote."""
        self._stale = True
        if at_once:
            self._urgent.set()
        if self.shown and not self._reading:
            self._reading = True
            self.run_worker(self._read_until_fresh(), group="refresh_data")

    def focus_content(self) -> None:
        """Give the keyboard to what had it last in this pane, else to its first widget that takes it, else to the pane."""
        if self.screen.focused is not None and self in self.screen.focused.ancestors_with_self:
            return
        focusable = [widget for widget in self.query("*") if widget.focusable and self._is_displayed(widget)]
        if self._last_focused in focusable:
            focusable = [self._last_focused]
        # Without focus inside, the pane's keys would be out of reach.
        self.can_focus = not focusable
        (focusable or [self])[0].focus(scroll_visible=False)

    def _is_displayed(self, widget: Widget) -> bool:
        """Textual calls a widget focusable that is there but not displayed (a filter that is not open)."""
        node: DOMNode | None = widget
        while node is not None and node is not self:
            if not node.display:
                return False
            node = node.parent
        return True

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._last_focused = event.widget

    async def _read_until_fresh(self) -> None:
        try:
            while self._stale and self.shown and self.is_attached:
                self._stale = False
                self._urgent.clear()
                await self._read_once()
                await self._wait_a_little()
        finally:
            self._reading = False

    async def _read_once(self) -> None:
        try:
            await self.refresh_data()
            self._last_problem = ""
        except UserError as problem:
            # Once, not twice a second, while a store cannot be read.
            if str(problem) != self._last_problem:
                await self.tell(problem)
            self._last_problem = str(problem)
        except NoMatches:
            # Widgets go first when the screen is taken down under a read that is at work.
            if self.is_attached and self.is_running:
                raise

    async def tell(self, problem: UserError) -> None:
        """Show what went wrong, unless it is that the store is gone: the screen says that for all panes."""
        try:
            await self.reader.read(lambda _store: None)
        except StoreGoneError:
            return
        except UserError:
            pass
        self.notify(str(problem), severity="error", markup=False)

    async def _wait_a_little(self) -> None:
        try:
            await asyncio.wait_for(self._urgent.wait(), SECONDS_BETWEEN_READS)
        except TimeoutError:
            return
