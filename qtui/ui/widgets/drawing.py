"""Widgets for the drawings of `qtui.charts`: lines whose segments have roles, in the theme's colours."""

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
"""Class of every widget that draws roles; drawing.tcss has their styles."""
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
    """Return a line as a table cell: without background colours, so that the cursor's background shows."""
    assembled = Text()
    for piece, role in line:
        style = style_of(widget, role)
        assembled.append(piece, Style(color=style.color, bold=style.bold, reverse=style.reverse))
    return assembled


class Drawing(Widget):
    """Lines drawn for the widget's size, and again when it changes. Lines that do not fit are cut."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    DEFAULT_CLASSES = CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw: Callable[[int, int], Sequence[Line]] = _nothing
        self._lines: tuple[tuple[int, int], Sequence[Line]] = ((0, 0), ())

    def show(self, draw: Callable[[int, int], Sequence[Line]]) -> None:
        """Show the lines that `draw(width, height)` returns."""
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
    """As many lines as needed for the width; a wrapped line is indented to where its last segment begins."""

    DEFAULT_CSS = Drawing.DEFAULT_CSS
    SCOPED_CSS = False
    DEFAULT_CLASSES = CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw_lines: Callable[[int], Sequence[Line]] = _no_lines
        self._cached: tuple[int, Sequence[Line]] = (-1, ())

    def show(self, lines: Sequence[Line]) -> None:
        """Show text, wrapped to the width."""
        self.show_drawn(lambda width: [part for line in lines for part in wrap_line(line, width)])

    def show_drawn(self, draw: Callable[[int], Sequence[Line]]) -> None:
        """Show the lines that `draw(width)` returns."""
        before = len(self._cached[1])
        self._draw_lines, self._cached = draw, (-1, ())
        width = self.size.width
        # Without a width (the pane is hidden) the height is unknown.
        self.refresh(layout=not width or len(self._lines(width)) != before)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self._lines(width)
        return strip(self, fit_line(lines[y], width)) if y < len(lines) else Strip.blank(width, self.rich_style)

    def _lines(self, width: int) -> Sequence[Line]:
        if self._cached[0] != width:
            self._cached = (width, self._draw_lines(width) if width > 0 else ())
        return self._cached[1]


def _no_lines(_width: int) -> Sequence[Line]:
    return ()


def _nothing(_width: int, _height: int) -> Sequence[Line]:
    return ()
