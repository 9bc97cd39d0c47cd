"""A plot that the figures process draws with plotext, as coloured text; drawn again when the size changes.

plotext takes 0.2 s to import and up to 0.1 s to draw, and works on one global figure: all of that stays in the figures process.
The previous drawing stays on the screen until the next one is ready.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from rich.text import Text
from textual.events import Resize
from textual.widget import Widget
from textual.worker import WorkType

from qtui.charts.lines import Role
from qtui.charts.plots import RGB, Canvas, Ink
from qtui.errors import UserError
from qtui.text import safe
from qtui.ui import stylesheet
from qtui.ui.data.workbench import Workbench
from qtui.ui.widgets import drawing

RESIZE_SECONDS = 0.1
"""Delay after a resize; a further resize within it restarts the delay."""
SMALLEST = (20, 6)


class Chart(Widget):
    DEFAULT_CSS = "Chart { height: 1fr; background: $background; color: $foreground; }" + stylesheet.beside(
        drawing.__file__
    )
    SCOPED_CSS = False
    DEFAULT_CLASSES = drawing.CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(drawing.COMPONENTS)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._request: tuple[Callable[..., str], tuple[Any, ...]] | None = None
        self._shown = Text("")

    def show(self, draw: Callable[..., str], *data: Any) -> None:
        """Show `draw(canvas, *data)`, a function of `qtui.charts.plots`; the data must be hashable and their texts safe."""
        if (draw, data) != self._request:
            self._request = (draw, data)
            self._ask(0.0)

    def render(self) -> Text:
        return self._shown

    def on_resize(self, _: Resize) -> None:
        self._ask(RESIZE_SECONDS)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._ask(0.0)

    def _ask(self, after: float) -> None:
        # Not the coroutine itself: Python warns of a coroutine that is replaced before it starts.
        draw: WorkType[None] = partial(self._draw, after)
        self.run_worker(draw, group="draw", exclusive=True)

    async def _draw(self, after: float) -> None:
        await asyncio.sleep(after)
        width, height = self.size
        if self._request is None or width < SMALLEST[0] or height < SMALLEST[1]:
            self._shown = Text("")
        else:
            draw, data = self._request
            try:
                drawn = await cast(Workbench, self.app).numbers.ask(draw, Canvas(width, height, self._ink()), *data)
            except UserError as problem:
                drawn = safe(str(problem))
            self._shown = Text.from_ansi(drawn, no_wrap=True)
        self.refresh()

    def _ink(self) -> Ink:
        return Ink(point=self._colour("candidate"), line=self._colour("faint"), text=self._colour("text"))

    def _colour(self, role: Role) -> RGB:
        colour = drawing.style_of(self, role).color
        triplet = colour.get_truecolor() if colour is not None else (200, 200, 200)
        return triplet[0], triplet[1], triplet[2]
