"""Split violins in text: the baseline's density upwards from a line, the candidate's downwards, one pair below the other.

qtui draws them itself, because that is more legible than the character charts of libraries and takes a tenth of the time. Eighth
blocks give eight levels per row; the candidate uses the same glyphs in reverse video (each the complement). Position and label
distinguish the halves, so no colour is needed; without reverse video (a pipe) the candidate is drawn with `▔▀█`.

Both halves of a pair share one scale of density: equal numbers of answers take equal areas above and below the line. Pairs have
separate scales, since a model that always answers in five words would flatten all others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qtui.charts.lines import Line, Role, Segment, fit_line, runs
from qtui.figures.axis import Axis

RISING = " ▁▂▃▄▅▆▇█"
HANGING = " ▔▔▀▀▀▀██"
"""Glyphs that fill a cell from its top, by eighths, without reverse video: Unicode has only these three."""
MEDIAN = "┃"
QUARTILE = "│"

_LEVELS = 8
_FAINTEST = 0.25
"""In eighths of a row: a smaller density is drawn as nothing, a larger one as at least one eighth."""
BEYOND_COLUMNS = 5
"""Columns at the right edge for the number of answers beyond the axis."""
_APART = 2
"""A quartile closer to the median than this many columns is not marked."""


@dataclass(frozen=True, slots=True)
class Half:
    """One variant's answers. `density` is sampled at equal steps along the axis, first point at 0, last at its end.

    `quartiles` are (lower quartile, median, upper quartile) in characters; `beyond` counts the answers longer than the axis.
    """

    label: Line
    density: tuple[float, ...]
    quartiles: tuple[float, float, float] | None
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Violin:
    """A heading and the two halves below it; a variant without a counterpart has only one half."""

    heading: Line
    baseline: Half | None
    candidate: Half | None


def height(rows: int) -> int:
    """Lines that one violin takes with `rows` rows for each half."""
    return 1 + 2 * rows


def rows_for(lines: int, violins: int, *, most: int = 6) -> int:
    """Rows per half so that all violins fit into `lines` lines if they can; at least one."""
    return max(1, min(most, (lines // max(1, violins) - 1) // 2))


def violin_lines(
    violin: Violin, axis: Axis, *, width: int, label_width: int, rows: int, reverse: bool = True
) -> list[Line]:
    """`height(rows)` lines of exactly `width` cells: heading, baseline's rows, candidate's rows.

    `reverse` says whether the screen can show reverse video, which the role `candidate-reversed` asks for.
    """
    columns = columns_for(width, label_width)
    sides = (violin.baseline, violin.candidate)
    up, down = (_density_per_column(half, columns) for half in sides)
    upwards, downwards = ({} if half is None else _marks(half, axis, columns) for half in sides)
    rising, hanging = split_rows(up, down, rows=rows, marks=(upwards, downwards), reverse=reverse)
    return [
        fit_line(violin.heading, width),
        *(_beside(violin.baseline, drawn, rows - 1 - row, label_width) for row, drawn in enumerate(rising)),
        *(_beside(violin.candidate, drawn, row, label_width) for row, drawn in enumerate(hanging)),
    ]


def columns_for(width: int, label_width: int) -> int:
    """Columns of the axis in a drawing of `width` cells."""
    return max(1, width - label_width - BEYOND_COLUMNS)


def split_rows(
    up: Sequence[float],
    down: Sequence[float],
    *,
    rows: int,
    marks: tuple[Mapping[int, str], Mapping[int, str]] = ({}, {}),
    reverse: bool = True,
) -> tuple[list[Line], list[Line]]:
    """Values per column, drawn upwards and downwards from a line on one scale: (rows above, rows below), each from top to bottom.

    `marks` (column → sign, for each side) replace the cell at the line and every full cell of the column.
    """
    peak = max((*up, *down), default=0.0)
    rising = _rows(_eighths(up, peak, rows), marks[0], _RISING_PEN, rows)
    hanging = _rows(_eighths(down, peak, rows), marks[1], _hanging_pen(reverse), rows)
    return rising[::-1], hanging


@dataclass(frozen=True, slots=True)
class _Pen:
    """How one half is drawn: `glyphs[n]` fills n eighths of a cell; partly filled cells have the role `cut`, if there is one."""

    full: Role
    mark: Role
    glyphs: str
    cut: Role | None = None


_RISING_PEN = _Pen("baseline", "baseline-mark", RISING)


def _hanging_pen(reverse: bool) -> _Pen:
    if not reverse:
        return _Pen("candidate", "candidate-mark", HANGING)
    return _Pen("candidate", "candidate-mark", f" {RISING[7:0:-1]}{RISING[8]}", "candidate-reversed")


def _density_per_column(half: Half | None, columns: int) -> list[float]:
    """Mean density over each column: sampling at the middle of the columns would miss a spike between them."""
    if half is None or not half.density:
        return [0.0] * columns
    points, last = half.density, len(half.density) - 1
    if last <= columns:
        return [_interpolated(points, (column + 0.5) / columns * last) for column in range(columns)]
    edges = [round(column * last / columns) for column in range(columns + 1)]
    return [sum(points[start : stop + 1]) / (stop + 1 - start) for start, stop in pairwise(edges)]


def _interpolated(points: Sequence[float], position: float) -> float:
    left = min(int(position), len(points) - 1)
    right = min(left + 1, len(points) - 1)
    return points[left] + (points[right] - points[left]) * (position - left)


def _rows(eighths: list[int], marks: Mapping[int, str], pen: _Pen, rows: int) -> list[Line]:
    """The rows of one half, from the line outwards.

    Blanks are separate segments, because SVG renderers drop leading blanks in a screenshot's text.
    """
    return [runs(_cells(eighths, marks, pen, row)) for row in range(rows)]


def _cells(eighths: list[int], marks: Mapping[int, str], pen: _Pen, row: int) -> Iterator[Segment]:
    below = row * _LEVELS
    for column, filled in enumerate(eighths):
        here = min(_LEVELS, max(0, filled - below))
        if column in marks and (row == 0 or here == _LEVELS):
            yield marks[column], pen.mark
        elif not here:
            yield " ", "text"
        else:
            yield pen.glyphs[here], (pen.cut or pen.full) if here < _LEVELS else pen.full


def _beside(half: Half | None, drawn: Line, row: int, label_width: int) -> Line:
    """A row with its label before it and, in the row at the line, the number of answers beyond the axis after it."""
    label = half.label if half is not None and row == 0 else []
    beyond = f" →{half.beyond}" if half is not None and row == 0 and half.beyond else ""
    return [*fit_line(label, label_width), *drawn, (f"{beyond:<{BEYOND_COLUMNS}}"[:BEYOND_COLUMNS], "faint")]


def _eighths(values: Sequence[float], peak: float, rows: int) -> list[int]:
    """How many eighths of a row each column fills; the peak fills all rows."""
    if not peak:
        return [0] * len(values)
    filled = (value / peak * rows * _LEVELS for value in values)
    return [max(1, round(eighths)) if eighths > _FAINTEST else 0 for eighths in filled]


def _marks(half: Half, axis: Axis, columns: int) -> dict[int, str]:
    """Column → mark. A quartile that would touch the median is left out."""
    if half.quartiles is None:
        return {}
    lower, median, upper = (axis.column(value, columns) for value in half.quartiles)
    marks: dict[int, str] = {}
    for quartile in (lower, upper):
        if quartile is not None and (median is None or abs(quartile - median) >= _APART):
            marks[quartile] = QUARTILE
    if median is not None:
        marks[median] = MEDIAN
    return marks
