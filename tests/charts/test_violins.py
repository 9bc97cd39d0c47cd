"""Split violins: every line as wide as asked, area as density, above the baseline and below the candidate."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.charts.lines import Line, plain, width
from qtui.charts.violins import (
    BEYOND_COLUMNS,
    HANGING,
    RISING,
    Half,
    Violin,
    height,
    rows_for,
    split_rows,
    violin_lines,
)
from qtui.figures.axis import Axis

densities = st.lists(st.floats(0, 1), min_size=2, max_size=300).map(tuple)
names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=30)
AXIS = Axis(100)


def half(name: str, density: tuple[float, ...], *, beyond: int = 0) -> Half:
    return Half([(name, "baseline")], density, (25.0, 50.0, 75.0), beyond)


def rising(line: Line) -> list[int]:
    """Eighths of every column of a row that rises."""
    return [RISING.index(glyph) for glyph in plain(line)]


def hanging(line: Line) -> list[int]:
    """Eighths of every column of a row that hangs: a reversed glyph fills what it leaves out."""
    return [
        8 - RISING.index(glyph) if role == "candidate-reversed" else RISING.index(glyph)
        for piece, role in line
        for glyph in piece
    ]


def columns_of(rows: list[list[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


@given(st.lists(densities, min_size=2, max_size=2), names, st.integers(30, 200), st.integers(0, 40), st.integers(1, 4))
def test_every_line_is_as_wide_as_asked(
    both: list[tuple[float, ...]], name: str, cells: int, labels: int, rows: int
) -> None:
    cells = max(cells, labels + BEYOND_COLUMNS + 1)
    violin = Violin([(name, "strong")], half(name, both[0], beyond=3), half(name, both[1]))
    for reverse in (True, False):
        lines = violin_lines(violin, AXIS, width=cells, label_width=labels, rows=rows, reverse=reverse)
        assert len(lines) == height(rows)
        assert {width(line) for line in lines} == {cells}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.integers(1, 4))
def test_equal_densities_hang_as_far_as_they_rise(values: list[float], rows: int) -> None:
    above, below = split_rows(values, values, rows=rows)
    assert columns_of([rising(line) for line in above]) == columns_of([hanging(line) for line in below])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=80), st.integers(1, 4))
def test_area_above_and_below_is_that_of_baseline_and_candidate(values: list[tuple[float, float]], rows: int) -> None:
    up, down = [b for b, _ in values], [c for _, c in values]
    peak = max(*up, *down)
    above, below = split_rows(up, down, rows=rows)
    for drawn, wanted in (
        (columns_of([rising(x) for x in above]), up),
        (columns_of([hanging(x) for x in below]), down),
    ):
        for eighths, value in zip(drawn, wanted, strict=True):
            assert abs(eighths - (value / peak * rows * 8 if peak else 0)) <= 0.75 + 1e-9


@given(st.lists(st.floats(0.3, 1), min_size=1, max_size=40), st.integers(2, 4))
def test_a_column_rises_from_the_line_without_a_gap(values: list[float], rows: int) -> None:
    above, _ = split_rows(values, values, rows=rows)
    for column in zip(*(rising(line) for line in above), strict=True):
        outwards = column[::-1]
        assert all(nearer == 8 or further == 0 for nearer, further in pairwise(outwards))


def test_the_median_is_marked_in_its_column_on_both_sides() -> None:
    flat = (1.0,) * 50
    lines = violin_lines(Violin([], half("b", flat), half("c", flat)), AXIS, width=115, label_width=10, rows=1)
    for line in lines[1:]:
        assert plain(line)[10 + 50] == "┃"
        assert plain(line)[10 + 25] == plain(line)[10 + 75] == "│"


def test_answers_beyond_the_axis_are_counted_beside_the_line() -> None:
    violin = Violin([], half("b", (1.0, 1.0), beyond=12), half("c", (1.0, 1.0)))
    upper, lower = (plain(line) for line in violin_lines(violin, AXIS, width=60, label_width=5, rows=1)[1:])
    assert upper.endswith("→12 ")
    assert "→" not in lower


def test_without_reverse_video_the_candidate_hangs_in_plain_glyphs() -> None:
    violin = Violin([], half("b", (0.2, 1.0, 0.2)), half("c", (0.2, 1.0, 0.2)))
    lines = violin_lines(violin, AXIS, width=60, label_width=5, rows=2, reverse=False)
    assert all(role != "candidate-reversed" for line in lines for _, role in line)
    drawn = "".join(piece for line in lines[3:] for piece, role in line if role == "candidate" and piece != "c")
    assert set(drawn) <= set(HANGING)


def test_a_spike_between_two_columns_is_drawn() -> None:
    spike = tuple(1.0 if i == 101 else 0.0 for i in range(257))
    lines = violin_lines(Violin([], Half([], spike, None), None), AXIS, width=45, label_width=0, rows=1)
    assert set(plain(lines[1])) & set(RISING[1:])


def test_a_variant_alone_leaves_the_other_half_empty() -> None:
    lines = violin_lines(Violin([], None, half("c", (1.0, 1.0))), AXIS, width=60, label_width=5, rows=2)
    assert [plain(line).strip() for line in lines[1:3]] == ["", ""]


@pytest.mark.parametrize(("lines", "violins", "rows"), [(19, 6, 1), (47, 6, 3), (100, 2, 6), (5, 9, 1), (10, 0, 4)])
def test_violins_take_the_rows_that_fit(lines: int, violins: int, rows: int) -> None:
    assert rows_for(lines, violins) == rows
