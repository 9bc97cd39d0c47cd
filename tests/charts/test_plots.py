"""Scatter plots by plotext: the size asked for, the theme's colours, every point on it."""

import re
from itertools import pairwise

import pytest
from rich.text import Text

from qtui.charts.plots import Canvas, Ink, NamedPoint, changes, paired_lengths

INK = Ink(point=(250, 180, 90), line=(90, 90, 90), text=(220, 220, 220))
POINT_COLOUR = "38;2;250;180;90m"


def lines(drawn: str) -> list[Text]:
    return list(Text.from_ansi(drawn).split())


@pytest.mark.parametrize("size", [(40, 10), (70, 22), (120, 40)])
def test_a_plot_has_the_size_of_its_canvas_also_with_japanese_names(size: tuple[int, int]) -> None:
    drawn = paired_lengths(Canvas(*size, INK), (10, 200, 900), (30, 150, 700), ("FP16 の文字数", "候補の文字数"))
    assert len(lines(drawn)) <= size[1]
    assert max(line.cell_len for line in lines(drawn)) <= size[0]


def test_a_plot_has_no_background_of_its_own() -> None:
    assert "[48;" not in paired_lengths(Canvas(60, 20, INK), (10, 200), (30, 150), ("a", "b"))


def test_equal_lengths_lie_on_the_line_and_shorter_answers_below_it() -> None:
    def row_of_point(length: int) -> int:
        drawn = paired_lengths(Canvas(60, 20, INK), (900, 400), (900, length), ("a", "b"))
        rows = [i for i, line in enumerate(drawn.splitlines()) if POINT_COLOUR in line]
        return max(rows)

    assert row_of_point(400) < row_of_point(100)


def test_every_model_has_its_number_where_its_changes_are() -> None:
    points = (NamedPoint("1", -0.5, -0.3), NamedPoint("2", 0.5, 0.3))
    drawn = [line.plain for line in lines(changes(Canvas(80, 24, INK), points, ("length", "score")))]
    plot = [re.sub(r"^.*?[┤│]", "", line) for line in drawn if re.search("[┤│]", line)]
    first = next((row, line.index("1")) for row, line in enumerate(plot) if "1" in line)
    second = next((row, line.index("2")) for row, line in enumerate(plot) if "2" in line)
    assert first[0] > second[0]
    assert first[1] < second[1]


def test_a_plot_without_points_is_a_plot() -> None:
    assert lines(changes(Canvas(60, 20, INK), (), ("length", "score")))
    assert lines(paired_lengths(Canvas(60, 20, INK), (), (), ("a", "b")))


@pytest.mark.parametrize("size", [(78, 9), (78, 11), (106, 40)])
@pytest.mark.parametrize("score", [0.0, -0.13, 0.4, -1.7, 3.9])
def test_the_axis_of_scores_has_more_than_one_tick_and_each_a_line_of_its_own(
    size: tuple[int, int], score: float
) -> None:
    drawn = lines(changes(Canvas(*size, INK), (NamedPoint("1", 0.1, score),), ("length", "score")))
    ticks = [match[1] for line in drawn if (match := re.search(r"^ *([+−]?\d\.\d\d) *┤", line.plain))]
    values = [float(tick.replace("−", "-")) for tick in ticks]
    assert 0.0 in values
    assert len(values) >= 2
    assert values == sorted(set(values), reverse=True)
    assert len({round(a - b, 2) for a, b in pairwise(values)}) == 1
