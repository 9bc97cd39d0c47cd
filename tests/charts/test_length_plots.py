"""Histogram, density and cumulative curve of a pair by plotext: their size, their marks, and where a position is in them."""

import re

import pytest
from rich.text import Text

from qtui.charts.length_plots import area, cumulative, density, histogram
from qtui.charts.plots import Canvas, Ink, paired_lengths
from qtui.figures.axis import SCALES, Axis, Scale

INK = Ink(point=(250, 180, 90), line=(90, 90, 90), text=(220, 220, 220), baseline=(120, 130, 140))
AXIS = Axis(100)
NAMES = ("FP16", "Q4_K_M")


def lines(drawn: str) -> list[Text]:
    return list(Text.from_ansi(drawn).split())


def plain(drawn: str) -> list[str]:
    return [line.plain for line in lines(drawn)]


@pytest.mark.parametrize("draw", [histogram, density, cumulative])
@pytest.mark.parametrize("size", [(40, 10), (78, 16), (120, 20)])
@pytest.mark.parametrize("names", [NAMES, ("基準となる変種の長い長い名前" * 3, "候補" * 30)])
def test_a_plot_has_the_size_of_its_canvas_also_with_long_japanese_names(
    draw: object, size: tuple[int, int], names: tuple[str, str]
) -> None:
    assert callable(draw)
    drawn = draw(Canvas(*size, INK), ((0, 3, 9, 1), (5, 0, 0, 2)), AXIS, names, "characters")
    assert len(lines(drawn)) <= size[1]
    assert max(line.cell_len for line in lines(drawn)) <= size[0]


def test_a_histogram_has_the_baseline_above_and_the_candidate_below_in_other_marks() -> None:
    drawn = plain(histogram(Canvas(60, 18, INK), ((4, 2, 0, 0), (0, 0, 2, 4)), AXIS, NAMES, "characters"))
    plot = area(drawn)
    assert plot is not None
    rows = drawn[plot.top : plot.top + plot.height]
    above, below = rows[: plot.height // 2 - 1], rows[plot.height // 2 + 1 :]
    assert "█" in "".join(above)
    assert not re.search("[⠁-⣿]", "".join(above))
    assert "⣿" in "".join(below)
    assert "█" not in "".join(below)


def test_a_histogram_s_bars_are_as_high_as_their_counts() -> None:
    drawn = plain(histogram(Canvas(60, 22, INK), ((8, 4, 0, 2), (0, 0, 0, 0)), AXIS, NAMES, "characters"))
    plot = area(drawn)
    assert plot is not None
    rows = drawn[plot.top : plot.top + plot.height]
    middles = [plot.columns(bar / 4, (bar + 1) / 4)[6] for bar in range(4)]
    heights = [sum(row[column] == "█" for row in rows) for column in middles]
    assert heights[0] == pytest.approx(2 * heights[1], abs=1.5)
    assert heights[1] == pytest.approx(2 * heights[3], abs=1.5)
    assert heights[2] == 0


def test_a_cumulative_curve_rises_from_the_left_below_to_the_right_above() -> None:
    rising = tuple(i / 256 for i in range(257))
    drawn = plain(cumulative(Canvas(60, 18, INK), (rising, rising), AXIS, NAMES, "characters"))
    plot = area(drawn)
    assert plot is not None
    first, last = drawn[plot.top], drawn[plot.top + plot.height - 1]
    assert first.rstrip()[-1] > "⠀"
    assert len(first.rstrip()) > plot.left + 0.9 * plot.width
    assert len(last.rstrip()) < plot.left + 0.1 * plot.width


def test_curves_of_both_sides_differ_without_colours() -> None:
    drawn = "\n".join(plain(density(Canvas(60, 18, INK), ((0, 1, 0, 0), (0, 0, 1, 0)), AXIS, NAMES, "characters"))[1:])
    assert re.search("[▖-▟]", drawn)
    assert re.search("[⠁-⣿]", drawn)


@pytest.mark.parametrize("size", [(60, 18), (110, 23)])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("lengths", [(0, 100), (100, 0), (33, 71), (50, 50)])
def test_an_area_knows_the_cell_of_a_position(size: tuple[int, int], scale: Scale, lengths: tuple[int, int]) -> None:
    axis = Axis(100, scale)
    drawn = paired_lengths(Canvas(*size, INK), (lengths[0],), (lengths[1],), NAMES, axis)
    plot = area(plain(drawn))
    assert plot is not None
    row, column = plot.row(axis.position(lengths[1])), plot.column(axis.position(lengths[0]))
    found = [
        (y, x) for y, line in enumerate(plain(drawn)) for x, cell in enumerate(line) if y and re.match("[▖-▟▘▝▗]", cell)
    ]
    assert len(found) == 1
    assert abs(found[0][0] - row) <= 1
    assert abs(found[0][1] - column) <= 1


def test_points_beyond_the_axis_lie_on_its_edge() -> None:
    drawn = paired_lengths(Canvas(60, 18, INK), (50,), (4_000,), NAMES, AXIS)
    plot = area(plain(drawn))
    assert plot is not None
    assert re.search("[▖-▟]", plain(drawn)[plot.top])


def test_no_bar_is_a_plot_too() -> None:
    assert area(plain(histogram(Canvas(60, 18, INK), ((0, 0), (0, 0)), AXIS, NAMES, "characters"))) is not None
    assert area(["a title", "and words"]) is None
