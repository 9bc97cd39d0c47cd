"""A table that draws only visible rows, for ten rows or a million.

Textual's DataTable needs seconds for 10,000 rows and repaints much for one step of the cursor. This one asks its source for windows
of rows, caches the drawn strips, and on a cursor move repaints two lines.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qtui.text import cut, safe, tell_apart, width, wrap
from qtui.ui import keys, stylesheet
from qtui.ui.widgets.columns import GAP, Column, layout

__all__ = ["Cell", "Column", "ListRows", "Row", "RowSource", "VirtualTable"]

Cell = str | Text
"""A str is made safe when drawn; a Text must contain safe text."""
Row = Sequence[Cell]

CHUNK = 64
CHUNKS_KEPT = 32
STRIPS_KEPT = 1024
ROWS_MEASURED = 256
"""Columns without a fixed width are measured on this many rows, and never become narrower while scrolling."""


class RowSource(Protocol):
    def __len__(self) -> int: ...

    def window(self, start: int, stop: int) -> Sequence[Row]:
        """Return rows start ≤ i < stop (never beyond the end); must be fast, because it is called while drawing."""
        ...


class ListRows:
    """Rows in a list."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def window(self, start: int, stop: int) -> Sequence[Row]:
        return self._rows[start:stop]


class VirtualTable(ScrollView, can_focus=True):
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("table"))
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header", "table--row", "table--cursor", "table--cursor-blurred", "table--mark", "table--empty",
    }  # fmt: skip
    ALLOW_SELECT = False

    cursor: reactive[int] = reactive(0, repaint=False)

    class RowHighlighted(Message):
        """The cursor is on another row, or the row under it was replaced."""

        def __init__(self, table: "VirtualTable", index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

        @property
        def control(self) -> "VirtualTable":
            return self.table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, VirtualTable.RowHighlighted) and message.table is self.table

    class RowSelected(Message):
        """Enter on a row, or a click on the row that has the cursor."""

        def __init__(self, table: "VirtualTable", index: int) -> None:
            super().__init__()
            self.table, self.index = table, index

        @property
        def control(self) -> "VirtualTable":
            return self.table

    def __init__(self, *, id: str | None = None, classes: str | None = None, header: bool = True) -> None:
        super().__init__(id=id, classes=classes)
        self._columns: Sequence[Column] = ()
        self._rows: RowSource = ListRows(())
        self._empty = ""
        self._header = int(header)
        self._needed: list[int] = []
        self._layout: list[tuple[int, int]] = []
        self._laid_out_for = -1
        self._distinct_cells: dict[int, dict[str, str]] = {}
        """Per column: values that must not be cut at their end, with the text to show."""
        self._chunks: dict[int, Sequence[Row]] = {}
        self._strips: dict[tuple[int, str], Strip] = {}
        self._styles_used: dict[str, Style] = {}

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def show(self, columns: Sequence[Column], rows: RowSource, *, cursor: int | None = None, empty: str = "") -> None:
        """Show these rows. The cursor stays on its line (or moves to `cursor`); `empty` is shown if there are no rows."""
        had_rows = len(self._rows) > 0
        if tuple(columns) != tuple(self._columns):
            self._columns, self._needed = tuple(columns), [width(safe(column.label)) for column in columns]
        self._rows, self._empty = rows, empty
        self._chunks.clear()
        self._measure()
        self._lay_out()
        position = min(max(0, self.cursor if cursor is None else cursor), max(0, len(rows) - 1))
        if position != self.cursor:
            self.cursor = position
        elif len(rows) and not had_rows:
            self.post_message(self.RowHighlighted(self, position))
        self._keep_cursor_in_view()

    def render_line(self, y: int) -> Strip:
        cells = self.size.width
        if cells != self._laid_out_for:
            # A scrollbar that comes or goes changes the width without a Resize.
            self._fit_columns()
        if not len(self._rows):
            return self._empty_line(y, cells)
        if y < self._header:
            return self._drawn(-1, "table--header", cells)
        index = self.scroll_offset.y + y - self._header
        if index >= len(self._rows):
            return Strip.blank(cells, self._style("table--row"))
        name = "table--row"
        if index == self.cursor:
            name = "table--cursor" if self.has_focus else "table--cursor-blurred"
        return self._drawn(index, name, cells)

    def validate_cursor(self, cursor: int) -> int:
        return min(max(0, cursor), max(0, len(self._rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        if old == new:
            return
        self._refresh_row(old)
        self._refresh_row(new)
        self._keep_cursor_in_view()
        if len(self._rows):
            self.post_message(self.RowHighlighted(self, new))

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._refresh_row(self.cursor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_used.clear()
        self._strips.clear()

    def on_resize(self, _: Resize) -> None:
        self._lay_out()
        self._keep_cursor_in_view()

    def on_click(self, click: Click) -> None:
        index = self.scroll_offset.y + click.y - self._header
        if click.y < self._header or not 0 <= index < len(self._rows):
            return
        if index == self.cursor:
            self.action_open()
        self.cursor = index

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Enter to an ancestor that has `action_open`: its key has a label in the footer."""
        if action == "open":
            return not any(hasattr(node, "action_open") for node in self.ancestors)
        return super().check_action(action, parameters)

    def action_cursor(self, by: int) -> None:
        self.cursor += by

    def action_page(self, by: int) -> None:
        self.cursor += by * max(1, self._rows_in_view - 1)

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._rows) - 1

    def action_open(self) -> None:
        if len(self._rows):
            self.post_message(self.RowSelected(self, self.cursor))

    @property
    def _rows_in_view(self) -> int:
        return max(1, self.size.height - self._header)

    def _measure(self) -> None:
        rows = self._measured()
        for i, column in enumerate(self._columns):
            if column.width is None and (column.snug or not column.flex):
                most = max((_cells(row[i]) for row in rows), default=0)
                self._needed[i] = max(self._needed[i], min(most, column.most))

    def _measured(self) -> Sequence[Row]:
        return self._rows.window(0, min(ROWS_MEASURED, len(self._rows)))

    def _lay_out(self) -> None:
        size = Size(self.size.width, len(self._rows) + self._header)
        if size != self.virtual_size:
            self.virtual_size = size
        self._fit_columns()
        self.refresh()

    def _fit_columns(self) -> None:
        self._strips.clear()
        self._laid_out_for = self.size.width
        self._layout = layout(self._columns, self._needed, max(1, self.size.width - 2)) if self._columns else []
        self._distinct_cells = {i: self._cut_distinct(i, wide) for i, wide in self._layout if self._columns[i].apart}

    def _cut_distinct(self, column: int, cells: int) -> dict[str, str]:
        names = list(dict.fromkeys(safe(cell) for row in self._measured() if isinstance(cell := row[column], str)))
        return dict(zip(names, tell_apart(names, cells), strict=True))

    def _keep_cursor_in_view(self) -> None:
        top, rows = self.scroll_offset.y, self._rows_in_view
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + rows:
            self.scroll_to(y=self.cursor - rows + 1, animate=False, force=True)

    def _refresh_row(self, index: int) -> None:
        self.refresh_line(index + self._header)

    def _drawn(self, index: int, name: str, cells: int) -> Strip:
        strip = self._strips.get((index, name))
        if strip is None:
            row: Row = [column.label for column in self._columns] if index < 0 else self._row(index)
            strip = self._draw(row, name, cells)
            if len(self._strips) >= STRIPS_KEPT:
                self._strips.clear()
            self._strips[index, name] = strip
        return strip

    def _draw(self, row: Row, name: str, cells: int) -> Strip:
        style = self._style(name)
        segments = [self._mark(name)]
        for number, (i, wide) in enumerate(self._layout):
            if number:
                segments.append(Segment(" " * GAP, style))
            cell = row[i]
            if i in self._distinct_cells and isinstance(cell, str):
                cell = self._distinct_cells[i].get(safe(cell), cell)
            segments.extend(_cell_segments(cell, wide, self._columns[i].align, style, self.app.console))
        return Strip(segments).adjust_cell_length(cells, style).simplify()

    def _mark(self, name: str) -> Segment:
        """Return the cursor's sign, for terminals that show both shades as one."""
        if name.startswith("table--cursor"):
            sign = "▌" if name == "table--cursor" else "▏"
            return Segment(sign, self._style(name) + Style(color=self._style("table--mark").color))
        return Segment(" ", self._style(name))

    def _row(self, index: int) -> Row:
        number = index // CHUNK
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._rows.window(number * CHUNK, min(len(self._rows), (number + 1) * CHUNK))
            if len(self._chunks) >= CHUNKS_KEPT:
                self._chunks.pop(next(iter(self._chunks)))
            self._chunks[number] = chunk
        return chunk[index % CHUNK]

    def _empty_line(self, y: int, cells: int) -> Strip:
        style = self._style("table--empty")
        lines = wrap(self._empty, max(1, cells - 2)) if self._empty else []
        text = f" {lines[y]}" if y < len(lines) else ""
        return Strip([Segment(text, style)]).adjust_cell_length(cells, style)

    def _style(self, name: str) -> Style:
        style = self._styles_used.get(name)
        if style is None:
            style = self._styles_used[name] = self.get_component_rich_style(name)
        return style


def _cells(cell: Cell) -> int:
    return cell.cell_len if isinstance(cell, Text) else width(safe(cell))


def _cell_segments(cell: Cell, cells: int, align: str, style: Style, console: Console) -> list[Segment]:
    parts: list[Segment]
    if isinstance(cell, Text):
        text = cell.copy()
        text.truncate(cells, overflow="ellipsis")
        text.end = ""
        parts = [Segment(s.text, style + s.style if s.style else style) for s in text.render(console)]
        used = text.cell_len
    else:
        shown = cut(safe(cell), cells)
        parts = [Segment(shown, style)]
        used = width(shown)
    padding = Segment(" " * max(0, cells - used), style)
    return [padding, *parts] if align == "right" else [*parts, padding]
