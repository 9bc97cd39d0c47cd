"""Mean grades as horizontal bars: the baseline filled, the candidate hatched, so that no colour is needed to distinguish them.

qtui draws them itself: with eighths of a cell, bars from grade 1 show a difference of 0.02 in 100 columns, and Japanese labels keep
their width; chart libraries draw bars in whole cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui.charts.lines import Line, Role, fit, fit_line
from qtui.format import number
from qtui.text import width as cells_of

LOWEST, HIGHEST = 1.0, 5.0
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


def bar_lines(groups: Sequence[Group], width: int) -> list[Line]:
    """A heading, its bars and a blank line for every group, then the scale; lines of `width` cells."""
    label = 2 + max((cells_of(bar.label) for group in groups for bar in group.bars), default=0)
    columns = max(4, width - label - 1 - _VALUE)
    lines: list[Line] = []
    for group in groups:
        lines.append(fit_line(group.heading, width))
        lines += [_bar(bar, label, columns) for bar in group.bars]
        lines.append([])
    return [*lines, [(" " * (label + 1), "faint"), *_scale(columns)]] if groups else []


def _bar(bar: Bar, label: int, columns: int) -> Line:
    role: Role = "faint" if bar.faint else "candidate" if bar.hatched else "baseline"
    name: Line = [(fit(f"  {bar.label}", label) + " ", "faint" if bar.faint else "text")]
    if bar.value is None:
        return [*name, ("not graded", "faint")]
    share = (min(HIGHEST, max(LOWEST, bar.value)) - LOWEST) / (HIGHEST - LOWEST)
    drawn = _HATCHED * round(share * columns) if bar.hatched else _filled(share * columns)
    return [*name, (drawn, role), (f" {number(bar.value, 2)}", "faint" if bar.faint else "text")]


def _filled(cells: float) -> str:
    eighths = round(cells * 8)
    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")


def _scale(columns: int) -> Line:
    marks = [" "] * (columns + 1)
    for grade in range(int(LOWEST), int(HIGHEST) + 1):
        marks[round((grade - LOWEST) / (HIGHEST - LOWEST) * columns)] = str(grade)
    return [("".join(marks), "faint")]
