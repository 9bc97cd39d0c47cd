"""A difference with its interval on one line of a table: `┊ ├─●──┤ ┊` over a zero line and the margin on both sides of it."""

from collections.abc import Iterable
from math import ceil
from typing import Protocol

from qtui.charts.lines import Line, Role, runs
from qtui.figures.scores import ScoreRow
from qtui.format import signed

ZERO, MARGIN_SIGN, POINT = "│", "┊", "●"
_LEAST_REACH = 0.5


class Measured(Protocol):
    """A row with a difference, its 90 % interval and its margin: of grades or of scores."""

    @property
    def difference(self) -> float | None: ...

    @property
    def interval90(self) -> tuple[float, float] | None: ...

    @property
    def margin(self) -> float: ...


def reach(rows: Iterable[ScoreRow], margin: float) -> float:
    """The end of the plot on both sides of zero, a multiple of 0.1 such that every interval and the margin fit."""
    bounds = [abs(bound) for row in rows for bound in row.interval90 or ()]
    return max(_LEAST_REACH, ceil(max((*bounds, margin * 1.25)) * 10) / 10)


def interval_line(row: Measured, *, margin: float, reach: float, columns: int) -> Line:
    """Exactly `columns` cells; an odd number, so that zero has the middle column. A row without a difference has only the lines."""
    cells = [" "] * columns
    roles: list[Role] = ["faint"] * columns

    def put(value: float, sign: str, role: Role) -> None:
        column = _column(value, reach, columns)
        cells[column], roles[column] = sign, role

    for value, sign in ((-margin, MARGIN_SIGN), (margin, MARGIN_SIGN), (0.0, ZERO)):
        put(value, sign, "faint")
    if row.interval90 is not None:
        low, high = (_column(bound, reach, columns) for bound in row.interval90)
        for column in range(low, high + 1):
            crossed = cells[column] in (ZERO, MARGIN_SIGN)
            cells[column], roles[column] = "┼" if crossed else "─", "candidate"
        if low < high:
            put(row.interval90[0], "├", "candidate")
            put(row.interval90[1], "┤", "candidate")
    if row.difference is not None:
        put(row.difference, POINT, "strong")
    return runs(zip(cells, roles, strict=True))


def scale_label(reach: float, columns: int) -> str:
    """The numbers at both ends of the plot and at zero, each in its column."""
    low, high = signed(-reach, 1), signed(reach, 1)
    middle = (columns - 1) // 2
    return f"{low:<{middle}}0{high:>{columns - middle - 1}}"


def _column(value: float, reach: float, columns: int) -> int:
    middle = (columns - 1) // 2
    return min(columns - 1, max(0, middle + round(value / reach * middle)))
