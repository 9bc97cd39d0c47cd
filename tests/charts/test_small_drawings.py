"""Intervals, bars and histograms: the right cells for the right values."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.charts.bars import Bar, Group, bar_lines
from qtui.charts.intervals import interval_line, reach, scale_label, units
from qtui.charts.lines import plain, width, wrap_line
from qtui.figures.scores import ScoreRow
from tests.charts.rows import score_row

grades = st.floats(-4, 4)


def row_of(low: float, middle: float, high: float, *, margin: float = 0.2, scale: tuple[int, int] = (1, 5)) -> ScoreRow:
    return replace(score_row(), difference=middle, interval90=(low, high), margin=margin, scale=scale)


@given(st.tuples(grades, grades, grades).map(sorted), st.floats(0.05, 1), st.integers(3, 20).map(lambda n: 2 * n + 1))
def test_an_interval_fits_its_columns_and_keeps_its_order(values: list[float], margin: float, columns: int) -> None:
    row = row_of(values[0], values[1], values[2], margin=margin)
    far = reach([row], margin)
    drawn = plain(interval_line(row, reach=far, columns=columns))
    assert len(drawn) == columns
    assert all(abs(value) <= far for value in values)
    left, right = drawn.find("├"), drawn.find("┤")
    point = drawn.index("●")
    assert (left == -1 or left <= point) and (right == -1 or point <= right)


def test_zero_is_the_middle_and_the_margins_stand_on_both_sides() -> None:
    drawn = plain(interval_line(row_of(0.31, 0.4, 0.49), reach=0.5, columns=21))
    assert drawn == "      ┊   │   ┊ ├─●─┤"


def test_an_interval_that_covers_zero_crosses_it() -> None:
    drawn = plain(interval_line(row_of(-0.1, 0.2, 0.3, margin=0.4), reach=0.5, columns=21))
    assert drawn == "  ┊     ├─┼───●─┤ ┊  "


def test_a_row_without_grades_has_only_the_lines() -> None:
    drawn = plain(interval_line(score_row(), reach=0.5, columns=21))
    assert drawn == "      ┊   │   ┊      "


def test_rows_on_scales_that_differ_are_drawn_as_parts_of_their_scales() -> None:
    five, ten = row_of(-0.1, 0.0, 0.2), row_of(-0.225, 0.0, 0.45, margin=0.45, scale=(1, 10))
    far = reach([five, ten], 0.2)
    drawn = [
        plain(interval_line(row, unit=unit, reach=far, columns=31))
        for row, unit in zip([five, ten], units([five, ten]), strict=True)
    ]
    assert drawn[0] == drawn[1]
    assert units([ten, ten]) == [1.0, 1.0], "of one scale are its own grades"


def test_bars_on_scales_that_differ_have_an_axis_each() -> None:
    five = Group([("m", "strong")], (Bar("FP16", 3.0, False),))
    ten = Group([("m", "strong")], (Bar("FP16", 5.5, False),), (1, 10))
    lines = [plain(line) for line in bar_lines([five, ten], 80)]
    assert lines[1].count("█") == lines[5].count("█"), "both are in the middle"
    assert lines[2].split() == ["1", "2", "3", "4", "5"]
    assert lines[6].split() == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("columns", [15, 21, 31])
def test_the_label_of_the_scale_has_zero_over_zero(columns: int) -> None:
    label = scale_label(0.7, columns)
    assert len(label) == columns
    assert label[(columns - 1) // 2] == "0"


def test_bars_are_as_long_as_grades_above_one_and_the_candidate_is_hatched() -> None:
    group = Group([("model", "strong")], (Bar("FP16", 3.0, False), Bar("Q4_K_M", 2.0, True)))
    _, baseline, candidate, *_ = bar_lines([group], 80)
    assert plain(baseline).count("█") == pytest.approx(2 * plain(candidate).count("▒"), abs=1)
    assert plain(baseline).endswith("3.00")
    assert "█" not in plain(candidate)


def test_a_bar_without_a_grade_says_so() -> None:
    lines = bar_lines([Group([("m", "strong")], (Bar("FP16", None, False),))], 60)
    assert "not graded" in plain(lines[1])


@given(st.integers(20, 200), st.floats(1, 5))
def test_bars_keep_to_their_width(cells: int, value: float) -> None:
    lines = bar_lines([Group([("日本語のモデル" * 5, "strong")], (Bar("変種", value, True),))], cells)
    assert all(width(line) <= cells for line in lines)


def test_a_long_value_is_wrapped_under_itself() -> None:
    wrapped = wrap_line([("name      ", "faint"), ("one two three four", "text")], 20)
    assert [plain(line) for line in wrapped] == ["name      one two", "          three four"]
