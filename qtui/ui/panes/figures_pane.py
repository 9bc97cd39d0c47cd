"""A pane whose figures come from the figures process.

A run may write an answer twice a second; computing the figures as often would take the cores that the model needs. `Numbers`
returns the previous figures for a while instead, and this pane reads again when newer ones are due.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from textual.timer import Timer
from textual.widgets import Static

from qtui.ui.panes.pane import Pane
from qtui.ui.panes.scope_requests import ScopeRequests

T = TypeVar("T")

OUTDATED = "Figures of an earlier state of the store: computing those of the current one …"


class FiguresPane(Pane):
    DEFAULT_CSS = """
    .outdated-figures { dock: bottom; height: auto; padding: 0 1; color: $text-warning; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.requests = ScopeRequests()
        self._catch_up: Timer | None = None
        self._outdated: set[object] = set()
        """The questions to which earlier answers are shown."""

    async def computed(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(store path, *arguments)` of `qtui.results`.

        If it is out of date, the pane says so, and reads again when due.
        """
        numbers, path = self.workbench.numbers, self.workbench.store_path
        standing = await numbers.ask_standing(function, path, *arguments)
        due = numbers.due(function, path, *arguments)
        if not standing.is_current:
            self._await_newer((function, arguments), numbers.pending(function, path, *arguments))
        elif due > 0 and self._catch_up is None:
            self._catch_up = self.set_timer(due, self._read_newer)
        return standing.figures

    def _await_newer(self, question: object, pending: "asyncio.Task[Any] | None") -> None:
        """Mark the pane until the current figures are there, and read then."""
        if pending is None:
            self._read_newer()
        elif question not in self._outdated:
            self._outdated.add(question)
            self._mark()
            pending.add_done_callback(lambda _: self._arrived(question))

    def _arrived(self, question: object) -> None:
        self._outdated.discard(question)
        if self.is_attached:
            self._mark()
            self.data_changed()

    def _mark(self) -> None:
        marks = self.query(".outdated-figures")
        if self._outdated and not marks:
            self.mount(Static(OUTDATED, classes="outdated-figures", markup=False))
        elif not self._outdated:
            marks.remove()

    def _read_newer(self) -> None:
        self._catch_up = None
        self.data_changed()
