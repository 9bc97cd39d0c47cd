"""A pane whose figures come from the figures process.

A run may write an answer twice a second; computing the figures as often would take the cores that the model needs. `Numbers`
returns the previous figures for a while instead, and this pane reads again when newer ones are due.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from textual.timer import Timer

from qtui.ui.panes.pane import Pane
from qtui.ui.panes.scope_requests import ScopeRequests

T = TypeVar("T")


class FiguresPane(Pane):
    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.requests = ScopeRequests()
        self._catch_up: Timer | None = None

    async def computed(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(store path, *arguments)` of `qtui.results`. If it is out of date, the pane reads again when due."""
        numbers, path = self.workbench.numbers, self.workbench.store_path
        answer = await numbers.ask_at_leisure(function, path, *arguments)
        due = numbers.due(function, path, *arguments)
        if due > 0 and self._catch_up is None:
            self._catch_up = self.set_timer(due, self._read_newer)
        return answer

    def _read_newer(self) -> None:
        self._catch_up = None
        self.data_changed()
