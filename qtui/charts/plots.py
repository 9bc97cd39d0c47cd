"""Scatter plots by plotext, as text with ANSI colours, and what every plot by plotext needs. `length_plots` has the others.

Called in the figures process, because plotext has one global figure. Violins and the bars of Models are drawn without it. For
points and curves it has four or eight dots per cell, places tick marks, and knows the width of Japanese labels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from qtui.figures.axis import Axis
from qtui.format import change, signed

RGB = tuple[int, int, int]

_COLUMNS_PER_TICK, _LINES_PER_TICK = 10, 4
_FEWEST_TICKS = 4
"""The number of ticks to aim for if there is room: the next larger round step may leave only half of them."""
_LINES_BELOW, _COLUMNS_PER_LABEL = 4, 7
_BACKGROUND = re.compile(r"\x1b\[48;[\d;]*m")


@dataclass(frozen=True, slots=True)
class Ink:
    """Colours of the theme for points (where there are two sides, the candidate's), reference lines, text and the baseline."""

    point: RGB
    line: RGB
    text: RGB
    baseline: RGB = (200, 200, 200)


@dataclass(frozen=True, slots=True)
class Canvas:
    """The size of a plot in terminal cells, and its colours."""

    width: int
    height: int
    ink: Ink


@dataclass(frozen=True, slots=True)
class NamedPoint:
    name: str
    x: float
    y: float


def paired_lengths(
    canvas: Canvas,
    baseline: tuple[int, ...],
    candidate: tuple[int, ...],
    names: tuple[str, str],
    axis: Axis | None = None,
) -> str:
    """A point per task, x the baseline's length and y the candidate's, and the line of equal lengths.

    Without an axis, both are square roots of characters and end at the longest answer of both variants. Points beyond the end of an
    axis lie on the edge.
    """
    axis = axis or Axis(float(max((*baseline, *candidate), default=0) or 1), "root")
    figure = blank_figure(canvas, names[0])
    figure.draw(figure.segment((0, 1), (0, 1), marker=marker("·", canvas.ink.line)))
    if baseline:
        along = [min(1.0, axis.position(x)) for x in baseline]
        upwards = [min(1.0, axis.position(y)) for y in candidate]
        figure.draw(figure.signal(along, upwards, marker=marker("hd", canvas.ink.point)))
    rule_lengths(figure, "x", axis, canvas.width // _COLUMNS_PER_TICK)
    rule_lengths(figure, "y", axis, canvas.height // _LINES_PER_TICK)
    return text_of(figure, names[1])


def changes(canvas: Canvas, points: tuple[NamedPoint, ...], names: tuple[str, str]) -> str:
    """The names of the points in a plane of changes from the baseline, x as shares and y in grades; lines mark no change.

    Names are short, such as the numbers of a list beside the plot: names of models would overlap.
    """
    figure = blank_figure(canvas, names[0])
    limits = _limits([p.x for p in points], least=0.1), _limits([p.y for p in points], least=0.2)
    figure.draw(figure.segment(limits[0], (0, 0), marker=marker("·", canvas.ink.line)))
    figure.draw(figure.segment((0, 0), limits[1], marker=marker("·", canvas.ink.line)))
    for point in points:
        figure.draw(figure.text(point.x, point.y, coloured(point.name, canvas.ink.point), alignment="center"))
    lines = canvas.height - _LINES_BELOW
    for direction, (low, high), most_ticks, places, in_words in (
        ("x", limits[0], canvas.width // _COLUMNS_PER_TICK, canvas.width // _COLUMNS_PER_LABEL, change),
        ("y", limits[1], canvas.height // _LINES_PER_TICK, lines, signed),
    ):
        ruler = figure.ruler(direction)
        ruler.lim(low, high)
        values = _ticks(low, high, min(max(_FEWEST_TICKS, most_ticks), places - 1))
        ruler.ticks(values, [in_words(value) for value in values])
    return text_of(figure, names[1])


def rule_lengths(figure: Any, direction: str, axis: Axis, most_ticks: int) -> None:
    """Give the figure's x or y the axis of lengths: positions along it run from 0 to 1."""
    ruler = figure.ruler(direction)
    ticks = axis.ticks(most_ticks * 9)
    ruler.lim(0, 1)
    ruler.ticks([axis.position(value) for _, value in ticks], [str(value) for _, value in ticks])


def blank_figure(canvas: Canvas, x_name: str) -> Any:
    """An empty plot, one line less high than the canvas: the name of the y axis is put above it."""
    import plotext

    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(canvas.width, canvas.height - 1)
    figure.theme("simple")
    figure.axes(pixel=plotext.pixel(canvas.ink.line))
    figure.axes(False, axis=["x", "y"], side=[1])
    for direction in ("x", "y"):
        figure.ruler(direction).pixel(plotext.pixel(canvas.ink.text))
    figure.label(coloured(x_name, canvas.ink.text), "x")
    return figure


def marker(symbol: str, colour: RGB) -> Any:
    """A mark of one character, or of the dots in a cell: `hd` has four, `braille` eight."""
    import plotext

    return plotext.marker(symbol, colour)


def coloured(label: str, colour: RGB) -> Any:
    import plotext

    return plotext.colorize(label, colour)


def text_of(figure: Any, y_name: str) -> str:
    """The drawn figure under the name of its y axis, without the background colours that plotext adds."""
    drawn = _BACKGROUND.sub("", str(figure.build()).rstrip("\n"))
    figure.clear()
    return f"{y_name}\n{drawn}"


def _limits(values: Sequence[float], *, least: float) -> tuple[float, float]:
    """The ends of an axis that includes all values and zero, with a tenth of its length to spare."""
    low, high = min((*values, -least)), max((*values, least))
    spare = (high - low) / 10
    return low - spare, high + spare


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of a round step, at most about `most` of them. The limits lie on both sides of zero, so zero is a tick."""
    apart = (high - low) / max(1, most)
    step = next(
        digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 2.5, 5) if digit * 10.0**power >= apart
    )
    return [step * i for i in range(ceil(low / step), floor(high / step) + 1)]
