"""Column widths of a table in a given width: fixed columns, flexible ones, and columns to drop when space is short."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GAP = 2
"""Cells between two columns."""
NARROWEST = 3


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    width: int | None = None
    """Cells; None: as wide as its values, up to `most`."""
    flex: int = 0
    """Above 0: a share of the spare width, at least `least`."""
    least: int = 6
    most: int = 40
    align: Literal["left", "right"] = "left"
    drop: int = 0
    """Above 0: dropped when the table is too narrow, the highest first."""
    snug: bool = False
    """A flexible column that grows no wider than its values."""
    apart: bool = False
    """Values that would look the same when cut keep the part in which they differ."""


def layout(columns: Sequence[Column], needed: Sequence[int], cells: int) -> list[tuple[int, int]]:
    """Return (index, width) of the shown columns in `cells` cells; `needed[i]` is the width of the widest value of column i."""
    shown = list(range(len(columns)))
    while len(shown) > 1 and _least_total(columns, needed, shown) > cells:
        droppable = [i for i in shown if columns[i].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda i: columns[i].drop))
    widths = {i: _least(columns[i], needed[i]) for i in shown}
    spare = cells - sum(widths.values()) - GAP * (len(shown) - 1)
    if spare > 0:
        _share_out(columns, needed, widths, spare)
    while spare < 0 and max(widths.values()) > NARROWEST:
        widest = max(widths, key=lambda i: widths[i])
        widths[widest] -= 1
        spare += 1
    return [(i, widths[i]) for i in shown]


def _least(column: Column, needed: int) -> int:
    if column.width is not None:
        return column.width
    if column.flex:
        return min(column.least, needed) if column.snug else column.least
    return min(needed, column.most)


def _least_total(columns: Sequence[Column], needed: Sequence[int], shown: Sequence[int]) -> int:
    return sum(_least(columns[i], needed[i]) for i in shown) + GAP * (len(shown) - 1)


def _share_out(columns: Sequence[Column], needed: Sequence[int], widths: dict[int, int], spare: int) -> None:
    flexible = [i for i in widths if columns[i].flex]
    shares = sum(columns[i].flex for i in flexible)
    # Snug columns first: the others share what they do not need.
    for i in sorted(flexible, key=lambda i: not columns[i].snug):
        # The last one takes the rest, so that rounding loses no cell.
        extra = spare * columns[i].flex // shares
        if columns[i].snug:
            extra = min(extra, max(0, needed[i] - widths[i]))
        widths[i] += extra
        spare -= extra
        shares -= columns[i].flex
