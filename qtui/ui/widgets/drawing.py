"""Lines with roles on the screen: what `qtui.charts` draws, in the colours of the theme."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from qtui.charts.lines import Line, Role, fit_line, wrap_line
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


class Paragraphs(Widget):
    """Lines as tall as they need: long ones are wrapped where their last segment begins, drawn ones made for the width."""

    DEFAULT_CSS = Drawing.DEFAULT_CSS
    SCOPED_CSS = False
    DEFAULT_CLASSES = CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Callable[[int], Sequence[Line]] = _no_lines
        self._made: tuple[int, Sequence[Line]] = (-1, ())

    def show(self, lines: Sequence[Line]) -> None:
        """Text, wrapped to the width."""
        self.show_drawn(lambda width: [part for line in lines for part in wrap_line(line, width)])

    def show_drawn(self, make: Callable[[int], Sequence[Line]]) -> None:
        """What `make(width)` gives."""
        before = len(self._made[1])
        self._make, self._made = make, (-1, ())
        width = self.size.width
        # Without a width (the pane is not in view) nobody can tell how tall it will be.
        self.refresh(layout=not width or len(self._lines(width)) != before)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(width)
        return strip(self, fit_line(lines[y], width)) if y < len(lines) else Strip.blank(width, self.rich_style)

    def _lines(self, width: int) -> Sequence[Line]:
        if self._made[0] != width:
            self._made = (width, self._make(width) if width > 0 else ())
        return self._made[1]


def _no_lines(_width: int) -> Sequence[Line]:
    return ()


def _nothing(_width: int, _height: int) -> Sequence[Line]:
    return ()
