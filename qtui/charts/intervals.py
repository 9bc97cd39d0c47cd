"""A difference with its interval on one line of a table: `┊ ├─●──┤ ┊` over a zero line and the margin on both sides of it."""

from collections.abc import Sequence
from math import ceil
from typing import Protocol

from qtui.charts.lines import Line, Role, runs
from qtui.figures.scores import ScoreRow, stretch
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


def units(rows: Sequence[ScoreRow]) -> list[float]:
    """Return how many grades a unit of the plot is for each row: 1, or, if scales differ, as many as one grade of 1–5 is."""
    scales_differ = len({row.scale for row in rows}) > 1
    return [stretch(row.scale) if scales_differ else 1.0 for row in rows]


def reach(rows: Sequence[ScoreRow], margin: float) -> float:
    """The end of the plot on both sides of zero, a multiple of 0.1 such that every interval and every margin fit.

    `margin` is that of a plot without rows.
    """
    found = list(zip(rows, units(rows), strict=True))
    bounds = [abs(bound) / unit for row, unit in found for bound in row.interval90 or ()]
    margins = [row.margin / unit for row, unit in found] or [margin]
    return max(_LEAST_REACH, ceil(max((*bounds, max(margins) * 1.25)) * 10) / 10)


def interval_line(row: Measured, *, reach: float, columns: int, unit: float = 1.0) -> Line:
    """Exactly `columns` cells; an odd number, so that zero has the middle column. A row without a difference has only the lines.

    `unit` is that of `units`.
    """
    cells = [" "] * columns
    roles: list[Role] = ["faint"] * columns

    def put(value: float, sign: str, role: Role) -> None:
        column = _column(value / unit, reach, columns)
        cells[column], roles[column] = sign, role

    for value, sign in ((-row.margin, MARGIN_SIGN), (row.margin, MARGIN_SIGN), (0.0, ZERO)):
        put(value, sign, "faint")
    if row.interval90 is not None:
        low, high = (_column(bound / unit, reach, columns) for bound in row.interval90)
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
