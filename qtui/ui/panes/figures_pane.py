"""A pane whose figures come from the process that computes.

While a run writes an answer twice a second, its figures would be computed twice a second, on the cores that the model needs.
`Numbers` gives the last figures for a while instead; this pane comes back for newer ones when they are due.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from textual.timer import Timer

from qtui.ui.panes.pane import Pane
from qtui.ui.panes.scope_choices import OwnChoices

T = TypeVar("T")


class FiguresPane(Pane):
    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.own_choices = OwnChoices()
        self._catch_up: Timer | None = None

    async def computed(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(store path, *arguments)` of `qtui.results`, perhaps a little old: then the pane reads again by itself."""
        numbers, path = self.workbench.numbers, self.workbench.store_path
        answer = await numbers.ask_at_leisure(function, path, *arguments)
        due = numbers.due(function, path, *arguments)
        if due > 0 and self._catch_up is None:
            self._catch_up = self.set_timer(due, self._read_newer)
        return answer

    def _read_newer(self) -> None:
        self._catch_up = None
        self.data_changed()
