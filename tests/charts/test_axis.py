"""The axis of lengths: where a length falls, and which numbers are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.charts.axis import axis_line
from qtui.charts.lines import width
from qtui.figures.axis import Axis, Scale, round_up

SCALES: tuple[Scale, ...] = ("linear", "root", "log")
axes = st.builds(Axis, st.floats(1, 50_000), st.sampled_from(SCALES))


@given(axes, st.floats(0, 1))
def test_a_position_leads_back_to_its_length(axis: Axis, position: float) -> None:
    assert axis.position(axis.characters(position)) == pytest.approx(position, abs=1e-9)


@given(axes, st.integers(10, 200))
def test_ticks_rise_and_lie_on_the_axis(axis: Axis, columns: int) -> None:
    ticks = axis.ticks(columns)
    assert ticks[0] == (0, 0)
    assert ticks == sorted(set(ticks))
    assert all(0 <= column < columns and value <= axis.end for column, value in ticks)


@given(axes, st.integers(1, 200))
def test_the_axis_takes_exactly_its_columns(axis: Axis, columns: int) -> None:
    assert width(axis_line(axis, columns, unit="characters")) == columns


def test_a_tick_stands_in_the_column_of_its_length() -> None:
    axis = Axis(800)
    [(line, _)] = axis_line(axis, 80)
    ticks = axis.ticks(80)
    assert len(ticks) > 4
    for column, value in ticks[:-1]:
        assert line[column:].startswith(f"╵{value}")
        assert column == axis.column(value, 80)


def test_a_length_beyond_the_end_has_no_column() -> None:
    assert Axis(800).column(801, 40) is None
    assert Axis(800).column(800, 40) == 39


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.3, 1), (7, 10), (12, 20), (88.9, 100), (100, 100), (240, 250), (260, 500)]
)
def test_steps_are_round(value: float, rounded: float) -> None:
    assert round_up(value) == rounded
