"""Histogram, density and cumulative curve of a pair's lengths by plotext, as text with ANSI colours.

The sides differ in their marks, too, for terminals without colours: the baseline is solid, the candidate dotted. What moves with a
key, the chosen bar and the current task, is not drawn here but put over the drawing by its widget, because a drawing takes up to
0.1 s. For that, `area` says where the drawing has its plot, and `Area` which cell of it shows a position.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from qtui.charts.plots import RGB, Canvas, blank_figure, marker, rule_lengths, text_of
from qtui.figures.axis import Axis, round_up
from qtui.text import cut, width

BASELINE_MARK, CANDIDATE_MARK = "hd", "braille"
"""plotext's names of marks: a quarter of a cell, an eighth of a cell as a dot."""
_BASELINE_SIGN, _CANDIDATE_SIGN = "█", "⣿"
_LINES_PER_TICK, _COLUMNS_PER_TICK = 4, 10
_PLOT_LINE = re.compile(r"^[^│┤]*[│┤]")
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHORTEST_NAME = 6
"""Cells that a name gets at least before the title is left out."""

Pair = tuple[str, str]
"""The names of baseline and candidate, safe."""
Values = tuple[tuple[float, ...], tuple[float, ...]]
"""The values of baseline and candidate."""


@dataclass(frozen=True, slots=True)
class Area:
    """The cells of a drawing in which it shows its points. A position is a share of an axis, from 0 to 1."""

    left: int
    top: int
    width: int
    height: int

    def column(self, along: float) -> int:
        """Return the column of a position along x; beyond the end it is the last one."""
        return self.left + round(min(1.0, max(0.0, along)) * (self.width - 1))

    def row(self, upwards: float) -> int:
        """Return the row of a position along y, which runs upwards."""
        return self.top + round((1.0 - min(1.0, max(0.0, upwards))) * (self.height - 1))

    def columns(self, start: float, stop: float) -> range:
        """Return the columns from a position up to another, at least one."""
        first = ceil(start * (self.width - 1))
        last = self.width if stop >= 1.0 else ceil(stop * (self.width - 1))
        return range(self.left + first, self.left + max(first + 1, last))


def area(drawn: Iterable[str]) -> Area | None:
    """Find the plot in the plain lines of a drawing, whose first line is a title; None if there is none."""
    lines = list(drawn)
    plot = [line for line in lines[1:] if _PLOT_LINE.match(line)]
    found = _PLOT_LINE.match(plot[0]) if plot else None
    if found is None:
        return None
    return Area(found.end(), 1, width(plot[0]) - width(found.group()), len(plot))


def histogram(canvas: Canvas, bars: Values, axis: Axis, names: Pair, unit: str) -> str:
    """Counts of answers in equal stretches of the axis: the baseline's upwards, the candidate's downwards."""
    figure = blank_figure(canvas, unit)
    most = max((1.0, *bars[0], *bars[1]))
    number = len(bars[0])
    for counts, sign, mark, ink in (
        (bars[0], 1, BASELINE_MARK, canvas.ink.baseline),
        (bars[1], -1, CANDIDATE_MARK, canvas.ink.point),
    ):
        for i, count in enumerate(counts):
            if count:
                corners = (i / number, (i + 1) / number), (0, sign * count)
                figure.draw(figure.rectangle(*corners, marker=marker(mark, ink)))
    rule_lengths(figure, "x", axis, canvas.width // _COLUMNS_PER_TICK)
    ruler = figure.ruler("y")
    step = round_up(most / max(1, canvas.height // (2 * _LINES_PER_TICK)))
    ticks = [step * i for i in range(-int(most / step), int(most / step) + 1)]
    ruler.lim(-most, most)
    ruler.ticks(ticks, [f"{abs(tick):.0f}" for tick in ticks])
    return text_of(figure, _title(canvas, "answers", names, (", above", ", below")))


def density(canvas: Canvas, curves: Values, axis: Axis, names: Pair, unit: str) -> str:
    """Both sides' densities along the axis, whose scale is theirs: the area under each is its share of answers on the axis."""
    most = max((*curves[0], *curves[1]), default=0.0) or 1.0
    figure = _curves(canvas, ([v / most for v in curves[0]], [v / most for v in curves[1]]), axis, unit)
    figure.ruler("y").ticks([], [])
    return text_of(figure, _title(canvas, "density", names))


def cumulative(canvas: Canvas, curves: Values, axis: Axis, names: Pair, unit: str) -> str:
    """The share of each side's answers that are as long or shorter."""
    figure = _curves(canvas, curves, axis, unit)
    shares = _QUARTERS if canvas.height >= len(_QUARTERS) * 2 else (0.0, 0.5, 1.0)
    figure.ruler("y").ticks(list(shares), [f"{share:.0%}" for share in shares])
    return text_of(figure, _title(canvas, "share of answers up to a length", names))


def _curves(canvas: Canvas, curves: Any, axis: Axis, unit: str) -> Any:
    figure = blank_figure(canvas, unit)
    for curve, mark, ink in zip(
        curves, (BASELINE_MARK, CANDIDATE_MARK), (canvas.ink.baseline, canvas.ink.point), strict=True
    ):
        along = [i / max(1, len(curve) - 1) for i in range(len(curve))]
        figure.draw(figure.signal(along, list(curve), marker=marker(mark, ink)))
    rule_lengths(figure, "x", axis, canvas.width // _COLUMNS_PER_TICK)
    figure.ruler("y").lim(0, 1)
    return figure


def _title(canvas: Canvas, what: str, names: Pair, places: Pair = ("", "")) -> str:
    """`answers  █ FP16, above  ⣿ Q4_K_M, below`, in the colours of the sides and at most as wide as the canvas."""
    used = sum(width(place) for place in places) + 8
    if canvas.width - used - width(what) < 2 * _SHORTEST_NAME:
        what = ""
    room = max(1, (canvas.width - used - width(what)) // 2)
    parts = [
        _painted(f"{sign} {cut(name, room)}{place}", ink)
        for sign, name, place, ink in zip(
            (_BASELINE_SIGN, _CANDIDATE_SIGN), names, places, (canvas.ink.baseline, canvas.ink.point), strict=True
        )
    ]
    return "  ".join([*([what] if what else []), *parts])


def _painted(words: str, ink: RGB) -> str:
    return f"\x1b[38;2;{ink[0]};{ink[1]};{ink[2]}m{words}\x1b[0m"
