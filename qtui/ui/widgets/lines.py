"""Lines of text rendered for the widget's width, with scrolling.

It draws line by line (Textual's Line API): a new text costs only the lines that differ, not a layout of the screen.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qtui.ui import keys, stylesheet

Renderer = Callable[[int, Mapping[str, Style]], list[Text]]
ROLES = ("strong", "quiet", "good", "bad", "notice", "active", "bar", "rest")


class Lines(ScrollView, can_focus=True):
    """Shows what `renderer(cells, styles)` returns: lines of safe text; `styles` has the roles above in the theme's colours."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))
    COMPONENT_CLASSES = {f"lines--{role}" for role in ROLES}  # noqa: RUF012 - declared so by Textual
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._renderer: Renderer = _nothing
        self._strips: list[Strip] = []
        self._rendered_for = -1

    def show(self, renderer: Renderer, *, from_top: bool = False) -> None:
        """Show other lines; `from_top`: scroll to the top, because they describe another item."""
        self._renderer = renderer
        before = self._strips
        self._render_lines()
        if from_top:
            self.scroll_to(y=0, animate=False, force=True)
        top = self.scroll_offset.y
        for y in range(self.size.height):
            if _line_at(before, top + y) != _line_at(self._strips, top + y):
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        if self.size.width != self._rendered_for:
            # A scrollbar that comes or goes changes the width without a Resize.
            self._render_lines()
        index = self.scroll_offset.y + y
        if index < len(self._strips):
            return self._strips[index]
        return Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_attached and self.size.width:
            self._render_lines()

    def on_resize(self, _: Resize) -> None:
        self._render_lines()
        self.refresh()

    def _render_lines(self) -> None:
        cells = self.size.width
        if cells <= 1:
            return
        self._rendered_for = cells
        base = self.rich_style
        styles = {role: self.get_component_rich_style(f"lines--{role}") for role in ROLES}
        console = self.app.console
        self._strips = []
        for line in self._renderer(cells - 1, styles):
            line.end = ""
            segments = [Segment(s.text, base + s.style if s.style else base) for s in line.render(console)]
            self._strips.append(Strip(segments).adjust_cell_length(cells, base).simplify())
        # A text that fits gets the height of its room, so that its length does not change the layout.
        size = Size(cells, max(len(self._strips), self.size.height))
        if size != self.virtual_size:
            self.virtual_size = size


def _line_at(strips: list[Strip], index: int) -> Strip | None:
    return strips[index] if index < len(strips) else None


def _nothing(_cells: int, _styles: Mapping[str, Style]) -> list[Text]:
    return []
