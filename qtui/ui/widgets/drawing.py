"""Lines with roles on the screen: what `qtui.charts` draws, in the colours of the theme."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from qtui.charts.lines import Line, Role, fit_line
from qtui.ui import stylesheet

CLASS = "-drawing"
"""On every widget that draws roles: their styles are written once, in drawing.tcss."""
STYLE_OF_ROLE: dict[Role, str] = {
    "text": "drawing--text",
    "strong": "drawing--strong",
    "faint": "drawing--faint",
    "warning": "drawing--warning",
    "baseline": "drawing--baseline",
    "candidate": "drawing--candidate",
    "candidate-reversed": "drawing--candidate",
    "baseline-mark": "drawing--mark",
    "candidate-mark": "drawing--mark",
}
COMPONENTS = frozenset(STYLE_OF_ROLE.values())
REVERSED = Style(reverse=True)


def style_of(widget: Widget, role: Role) -> Style:
    style = widget.get_component_rich_style(STYLE_OF_ROLE[role])
    return style + REVERSED if role == "candidate-reversed" else style


def strip(widget: Widget, line: Line) -> Strip:
    return Strip([Segment(text, style_of(widget, role)) for text, role in line if text])


def text(widget: Widget, line: Line) -> Text:
    """For a cell of a table: colours without a background, so that the cursor's shows through."""
    assembled = Text()
    for piece, role in line:
        style = style_of(widget, role)
        assembled.append(piece, Style(color=style.color, bold=style.bold, reverse=style.reverse))
    return assembled


class Drawing(Widget):
    """Lines that are made for the widget's size, and made again when it changes. Lines that do not fit are cut."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    DEFAULT_CLASSES = CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw: Callable[[int, int], Sequence[Line]] = _nothing
        self._lines: tuple[tuple[int, int], Sequence[Line]] = ((0, 0), ())

    def show(self, draw: Callable[[int, int], Sequence[Line]]) -> None:
        """`draw(width, height)` gives the lines."""
        self._draw = draw
        self._lines = ((0, 0), ())
        self.refresh()

    def render_line(self, y: int) -> Strip:
        size = (self.size.width, self.size.height)
        if self._lines[0] != size:
            self._lines = (size, self._draw(*size))
        lines = self._lines[1]
        return strip(self, fit_line(lines[y], size[0])) if y < len(lines) else Strip.blank(size[0], self.rich_style)


def _nothing(_width: int, _height: int) -> Sequence[Line]:
    return ()
