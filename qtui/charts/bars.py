"""Mean grades as horizontal bars: the baseline filled, the candidate hatched, so that no colour is needed to distinguish them.

qtui draws them itself: with eighths of a cell, bars from the lowest grade show a difference of 0.02 in 100 columns, and Japanese
labels keep their width; chart libraries draw bars in whole cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui.charts.lines import Line, Role, fit, fit_line
from qtui.figures.scores import FIVE_POINTS, Bounds
from qtui.format import number
from qtui.text import width as cells_of

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HATCHED = "▒"
_VALUE = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` None is drawn as `not graded`. `label` is safe text."""

    label: str
    value: float | None
    hatched: bool
    faint: bool = False
    """For published figures."""


@dataclass(frozen=True, slots=True)
class Group:
    """The bars of one row of the table, with a heading."""

    heading: Line
    bars: tuple[Bar, ...]
    scale: Bounds = FIVE_POINTS


def bar_lines(groups: Sequence[Group], width: int) -> list[Line]:
    """A heading, its bars and a blank line for every group, then the scale; lines of `width` cells.

    If scales differ, each group has its own below its bars: a bar is compared only with bars over the same axis.
    """
    label = 2 + max((cells_of(bar.label) for group in groups for bar in group.bars), default=0)
    columns = max(4, width - label - 1 - _VALUE)
    scales_differ = len({group.scale for group in groups}) > 1
    lines: list[Line] = []
    for group in groups:
        axis: Line = [(" " * (label + 1), "faint"), *_scale(columns, group.scale)]
        lines.append(fit_line(group.heading, width))
        lines += [_bar(bar, label, columns, group.scale) for bar in group.bars]
        lines += [axis, []] if scales_differ else [[]]
    return lines if scales_differ or not groups else [*lines, axis]


def _bar(bar: Bar, label: int, columns: int, scale: Bounds) -> Line:
    role: Role = "faint" if bar.faint else "candidate" if bar.hatched else "baseline"
    name: Line = [(fit(f"  {bar.label}", label) + " ", "faint" if bar.faint else "text")]
    if bar.value is None:
        return [*name, ("not graded", "faint")]
    lowest, highest = scale
    share = (min(highest, max(lowest, bar.value)) - lowest) / (highest - lowest)
    drawn = _HATCHED * round(share * columns) if bar.hatched else _filled(share * columns)
    return [*name, (drawn, role), (f" {number(bar.value, 2)}", "faint" if bar.faint else "text")]


def _filled(cells: float) -> str:
    eighths = round(cells * 8)
    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")


def _scale(columns: int, scale: Bounds) -> Line:
    """The numbers of a scale, each below its place; those without room are left out, the ends never."""
    lowest, highest = scale
    end = str(highest)
    marks = [" "] * columns + [end[0], *end[1:]]
    free = 0
    for grade in range(lowest, highest):
        column, text = round((grade - lowest) / (highest - lowest) * columns), str(grade)
        if column >= free and column + len(text) < columns:
            marks[column : column + len(text)] = text
            free = column + len(text) + 1
    return [("".join(marks), "faint")]
