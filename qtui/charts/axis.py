"""The line of numbers under a drawing."""

from qtui.charts.lines import Line
from qtui.figures.axis import Axis


def axis_line(axis: Axis, columns: int, *, unit: str = "") -> Line:
    """One line: every tick is a `╵` in its column followed by its number; the unit follows the last tick if it fits."""
    line = ""
    for column, value in axis.ticks(columns):
        mark = f"╵{value}"
        if column + len(mark) <= columns:
            line = line.ljust(column) + mark
    if unit and len(line) + 1 + len(unit) <= columns:
        line += " " + unit
    return [(line.ljust(columns), "faint")]
