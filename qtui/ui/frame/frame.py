"""What the terminal shows, cell by cell, so that of a new frame only the cells that differ are sent.

Textual sends each widget that was refreshed as a whole: a list of forty rows when its cursor moves by one. Only this module decides
what is sent; what a frame shows remains Textual's. A cell that is not known (None) differs from all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import is_not, ne, or_

from rich.color import ColorSystem
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

    def _sent(self, y: int, old: Row, new: Row) -> Iterator[str]:
        """What makes the terminal show `new` in a line where it shows `old`."""
        cells, looks = new.cells, new.looks
        written = 0
        """First column that the cursor has not passed; it stands there after a cell was written."""
        is_placed = False
        for x in _changed(old, new):
            if x < written:
                continue
            first = x - 1 if cells[x] == SECOND and x else x
            if cells[first] is None or looks[first] is None:
                continue
            if not is_placed:
                yield f"\x1b[{y + 1};{first + 1}H"
            elif first - written > SHORT_GAP or not self._has_pen_look(new, written, first):
                yield f"\x1b[{first + 1}G"
            else:
                yield "".join(cell or "" for cell in cells[written:first])
            is_placed = True
            written = first + _width(cells, first)
            yield self._cell(cells, looks[first], first)

    def _cell(self, cells: list[str | None], look: Look | None, x: int) -> str:
        cell = cells[x] or " "
        sent = ""
        if look is not None and look is not self._pen:
            sent, self._pen = change(self._pen, look)
        if not has_doubtful_width(cell):
            return sent + cell
        # Both cells are emptied first and the cursor is placed afterwards, whatever width the terminal gives this character.
        width = _width(cells, x)
        return f"{sent}{' ' * width}\x1b[{x + 1}G{cell}\x1b[{x + width + 1}G"

    def _has_pen_look(self, row: Row, start: int, stop: int) -> bool:
        return all(
            cell is not None and look is not None and not change(self._pen, look)[0]
            for cell, look in zip(row.cells[start:stop], row.looks[start:stop], strict=True)
        )


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


def _with_pieces(row: Row, pieces: list[tuple[int, Strip]], colours: ColorSystem) -> Row:
    new = Row(row.cells.copy(), row.looks.copy(), row.drawn)
    columns = len(new.cells)
    for x, strip in pieces:
        cells: list[str | None] = []
        looks: list[Look | None] = []
        for text, style, _ in strip:
            of_text, of_blank = looks_of(style, colours)
            marks, of_segment = cells_of(text)
            if marks:
                _add_marks(cells, marks)
            cells += of_segment
            looks += [of_blank if cell == " " else of_text for cell in of_segment]
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
    elif start and cells[start - 1] not in (None, SECOND) and _is_wide(cells[start - 1]):
        cells[start - 1] = None
    if stop < len(cells) and cells[stop] == SECOND:
        cells[stop] = None


def _is_wide(cell: str | None) -> bool:
    return cell is not None and len(cells_of(cell)[1]) == 2


def _width(cells: list[str | None], x: int) -> int:
    return 2 if x + 1 < len(cells) and cells[x + 1] == SECOND else 1


def _changed(old: Row, new: Row) -> list[int]:
    """Columns whose cells differ; from the first character of doubtful width on, all of them."""
    differs = map(or_, map(ne, old.cells, new.cells), map(is_not, old.looks, new.looks))
    changed = [x for x, is_changed in enumerate(differs) if is_changed]
    if changed and any(map(has_doubtful_width, {*old.cells, *new.cells})):
        first = min(x for row in (old, new) for x, cell in enumerate(row.cells) if has_doubtful_width(cell))
        changed = [*(x for x in changed if x < first), *range(first, len(new.cells))]
    return changed
