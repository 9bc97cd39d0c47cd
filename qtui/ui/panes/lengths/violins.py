"""Violins of many models, one below the other over one axis, with a cursor on one of them.

`qtui.charts.violins` draws; this widget passes it the size, scrolls the drawing, and colours the roles. The axis stays at the
bottom while the violins scroll above it.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qtui.charts.length_violins import axis as axis_below
from qtui.charts.lines import fit_line, plain
from qtui.charts.violins import Violin, height, rows_for, violin_lines
from qtui.figures.axis import Axis
from qtui.ui import keys, stylesheet
from qtui.ui.widgets import drawing

AXIS_LINES = 1


class ViolinChart(ScrollView, can_focus=True):
    DEFAULT_CSS = stylesheet.beside(__file__) + stylesheet.beside(drawing.__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("table"))
    DEFAULT_CLASSES = drawing.CLASS
    COMPONENT_CLASSES: ClassVar[set[str]] = {*drawing.COMPONENTS, "violins--cursor", "violins--cursor-blurred"}
    ALLOW_SELECT = False

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The user moved the cursor to another violin."""

        def __init__(self, chart: "ViolinChart", index: int) -> None:
            super().__init__()
            self.chart, self.index = chart, index

        @property
        def control(self) -> "ViolinChart":
            return self.chart

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._violins: Sequence[Violin] = ()
        self._axis = Axis(1.0)
        self._label_width = 0
        self._rows = 1
        self._drawn: dict[int, list[Strip]] = {}
        self._drawn_for = 0

    def show(self, violins: Sequence[Violin], axis: Axis, *, label_width: int, cursor: int | None = None) -> None:
        """Show violins. Labels of the halves take `label_width` cells at the left; the cursor stays, or moves to `cursor`.

        That is no choice of the user's, so it is not reported.
        """
        self._violins, self._axis, self._label_width = violins, axis, label_width
        self._lay_out()
        with self.prevent(self.Highlighted):
            self.cursor = self.cursor if cursor is None else cursor
        self._keep_cursor_in_view()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        if self._violins and y >= self.size.height - AXIS_LINES:
            return drawing.strip(self, axis_below(self._axis, cells, self._label_width))
        index, line = divmod(self.scroll_offset.y + y, height(self._rows))
        if index >= len(self._violins):
            return Strip.blank(cells, self.rich_style)
        if line == 0 and index == self.cursor:
            return self._cursor_line(index, cells)
        if cells != self._drawn_for:
            # A scrollbar that comes or goes changes the width without a Resize.
            self._drawn, self._drawn_for = {}, cells
        if index not in self._drawn:
            lines = violin_lines(
                self._violins[index], self._axis, width=cells, label_width=self._label_width, rows=self._rows
            )
            self._drawn[index] = [drawing.strip(self, line) for line in lines]
        return self._drawn[index][line]

    def validate_cursor(self, cursor: int) -> int:
        return min(max(0, cursor), max(0, len(self._violins) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        if old == new:
            return
        for index in (old, new):
            self.refresh_line(index * height(self._rows))
        self._keep_cursor_in_view()
        if self._violins:
            self.post_message(self.Highlighted(self, new))

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh_line(self.cursor * height(self._rows))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    def on_resize(self, _: Resize) -> None:
        self._lay_out()
        self._keep_cursor_in_view()

    def on_click(self, click: Click) -> None:
        self.cursor = (self.scroll_offset.y + click.y) // height(self._rows)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # The pane handles Enter.
        return False if action == "open" else super().check_action(action, parameters)

    def action_cursor(self, by: int) -> None:
        self.cursor += by

    def action_page(self, by: int) -> None:
        self.cursor += by * max(1, self._lines_in_view // height(self._rows))

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._violins) - 1

    @property
    def _lines_in_view(self) -> int:
        return max(1, self.size.height - AXIS_LINES)

    def _lay_out(self) -> None:
        self._drawn.clear()
        self._rows = rows_for(self._lines_in_view, len(self._violins))
        size = Size(self.size.width, len(self._violins) * height(self._rows) + AXIS_LINES)
        if size != self.virtual_size:
            self.virtual_size = size
        self.refresh()

    def _keep_cursor_in_view(self) -> None:
        top, lines = self.scroll_offset.y, height(self._rows)
        start = self.cursor * lines
        if start < top:
            self.scroll_to(y=start, animate=False, force=True)
        elif start + lines > top + self._lines_in_view:
            self.scroll_to(y=start + lines - self._lines_in_view, animate=False, force=True)

    def _cursor_line(self, index: int, cells: int) -> Strip:
        """Return the heading in the cursor's colours, with a sign for terminals that show both shades as one."""
        style = self.get_component_rich_style("violins--cursor" if self.has_focus else "violins--cursor-blurred")
        heading = plain(fit_line(self._violins[index].heading, cells))
        sign = "▌" if self.has_focus else "▏"
        mark = style + Style(color=drawing.style_of(self, "candidate").color)
        return Strip([Segment(sign, mark), Segment(heading[1:], style)], cells)
