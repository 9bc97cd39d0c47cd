"""What the terminal shows, cell by cell, so that of a new frame only the cells that differ are sent.

Textual sends each widget that was refreshed as a whole: a list of forty rows when its cursor moves by one. Only this module decides
what is sent; what a frame shows remains Textual's. A cell that is not known (None) differs from all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import is_not, ne, or_

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from qtui.ui.frame.cells import SECOND, cells_of, has_doubtful_width
from qtui.ui.frame.look import PLAIN, Look, change, looks_of

SHORT_GAP = 4
"""As many unchanged cells are written again, because moving the cursor over them takes as many bytes."""


@dataclass(slots=True)
class Row:
    cells: list[str | None]
    looks: list[Look | None]
    drawn: dict[int, Strip] = field(default_factory=dict)
    """Column → the strip that these cells were taken from: the same strip again needs no comparison."""


class Frame:
    """What a terminal shows as far as Textual wrote it."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._columns = 0
        self._pen = PLAIN

    def forget(self) -> None:
        """Know nothing of the terminal any more: another program wrote on it, or its size changed."""
        self._rows = []

    def advance(self, update: LayoutUpdate | ChopsUpdate, colours: ColorSystem) -> str:
        """Take over an update, and return what to send to the terminal so that it shows it; empty if it already does."""
        self._fit(*_size(update))
        by_line: dict[int, list[tuple[int, Strip]]] = {}
        for y, x, strip in _pieces(update):
            if 0 <= y < len(self._rows) and self._rows[y].drawn.get(x) is not strip:
                by_line.setdefault(y, []).append((x, strip))
        sent: list[str] = []
        for y, pieces in by_line.items():
            old = self._rows[y]
            new = self._rows[y] = _with_pieces(old, pieces, colours)
            sent += self._sent(y, old, new)
        if self._pen != PLAIN:
            sent.append(change(self._pen, PLAIN)[0])
            self._pen = PLAIN
        return "".join(sent)

    def _fit(self, columns: int, lines: int) -> None:
        if lines != len(self._rows) or columns != self._columns:
            self._rows = [Row([None] * columns, [None] * columns) for _ in range(lines)]
            self._columns = columns

    def _sent(self, y: int, old: Row, new: Row) -> list[str]:
        """What makes the terminal show `new` in a line where it shows `old`."""
        changed, is_doubtful = _changed(old, new)
        cells, looks, pen = new.cells, new.looks, self._pen
        sent: list[str] = []
        last: Look | None = None
        cursor = -1
        """The column after the last written cell; the second cell of a wide character is written with its first one."""
        for x in changed:
            first = x - 1 if x != cursor and x and cells[x] == SECOND else x
            cell, look = cells[first], looks[first]
            if cell is None or look is None:
                continue
            if first != cursor:
                sent.append(_move(y, cursor, first, new, pen))
            if look is not last:
                styled, pen = change(pen, look)
                sent.append(styled)
                last = look
            sent.append(_placed(cells, first) if is_doubtful and has_doubtful_width(cell) else cell)
            cursor = first + 1
        self._pen = pen
        return sent


def _move(y: int, cursor: int, x: int, row: Row, pen: Look) -> str:
    """Move the cursor within a line, or into it; a short way is written, where the pen has the right look for its cells."""
    if cursor < 0:
        return f"\x1b[{y + 1};{x + 1}H"
    way = zip(row.cells[cursor:x], row.looks[cursor:x], strict=True)
    if x - cursor <= SHORT_GAP and all(c is not None and look and not change(pen, look)[0] for c, look in way):
        return "".join(cell or "" for cell in row.cells[cursor:x])
    return f"\x1b[{x + 1}G"


def _placed(cells: list[str | None], x: int) -> str:
    """A character of doubtful width: its cells are emptied first, and the cursor is placed after it, whatever the terminal does."""
    width = 2 if x + 1 < len(cells) and cells[x + 1] == SECOND else 1
    return f"{' ' * width}\x1b[{x + 1}G{cells[x]}\x1b[{x + width + 1}G"


def _size(update: LayoutUpdate | ChopsUpdate) -> tuple[int, int]:
    if isinstance(update, LayoutUpdate):
        return update.region.width, update.region.height
    return max((ends[-1] for ends in update.chop_ends if ends), default=0), len(update.chops)


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Line, column and content of each piece of an update, as Textual would write it."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip
                x += strip.cell_length
        return
    for y, start, stop in update.spans:
        for end, (x, piece) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if piece is not None and x <= stop and end > start:
                yield y, x, piece if start <= x < stop and end <= stop else piece.crop(0, min(end, stop) - x)


@lru_cache(maxsize=4096)
def _segment(text: str, style: Style | None, colours: ColorSystem) -> tuple[str, tuple[str, ...], tuple[Look, ...]]:
    """A segment's marks for the cell before it, its cells, and their looks."""
    of_text, of_blank = looks_of(style, colours)
    marks, cells = cells_of(text)
    return marks, cells, tuple(of_blank if cell == " " else of_text for cell in cells)


def _with_pieces(row: Row, pieces: list[tuple[int, Strip]], colours: ColorSystem) -> Row:
    new = Row(row.cells.copy(), row.looks.copy(), row.drawn)
    columns = len(new.cells)
    for x, strip in pieces:
        cells: list[str | None] = []
        looks: list[Look | None] = []
        for text, style, _ in strip:
            marks, of_segment, looks_of_segment = _segment(text, style, colours)
            if marks:
                _add_marks(cells, marks)
            cells += of_segment
            looks += looks_of_segment
        stop = min(x + len(cells), columns)
        if x >= columns or stop <= x:
            continue
        new.cells[x:stop] = cells[: stop - x]
        new.looks[x:stop] = looks[: stop - x]
        _split_wide(new.cells, x, stop)
        for other in [o for o, drawn in new.drawn.items() if o < stop and o + drawn.cell_length > x]:
            del new.drawn[other]
        if len(cells) == strip.cell_length and stop - x == len(cells):
            new.drawn[x] = strip
    return new


def _add_marks(cells: list[str | None], marks: str) -> None:
    """Give marks that have a style of their own to the character before them, as a terminal does."""
    last = next((x for x in reversed(range(len(cells))) if cells[x] != SECOND), None)
    if last is not None:
        cells[last] = f"{cells[last]}{marks}"


def _split_wide(cells: list[str | None], start: int, stop: int) -> None:
    """Where an end of the cells just written lies inside a wide character, its other half shows what is not known."""
    if cells[start] == SECOND:
        cells[start] = None
    elif start and (before := cells[start - 1]) and cell_len(before) == 2:
        cells[start - 1] = None
    if stop < len(cells) and cells[stop] == SECOND:
        cells[stop] = None


def _changed(old: Row, new: Row) -> tuple[list[int], bool]:
    """Columns whose cells differ, and whether there are characters of doubtful width: from the first of these on, all columns."""
    differs = map(or_, map(ne, old.cells, new.cells), map(is_not, old.looks, new.looks))
    changed = [x for x, is_changed in enumerate(differs) if is_changed]
    if not changed or not any(map(has_doubtful_width, {*old.cells, *new.cells})):
        return changed, False
    first = min(x for row in (old, new) for x, cell in enumerate(row.cells) if has_doubtful_width(cell))
    return [*(x for x in changed if x < first), *range(first, len(new.cells))], True
