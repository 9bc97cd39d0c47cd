"""The bars of a pair's lengths: every length on the axis belongs to one, and a bar's tasks are those it counts."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.figures.axis import SCALES, Axis
from qtui.figures.length_plots import BARS, PlottedPair, PlottedSide

ends = st.integers(1, 20_000)


def side(axis: Axis, lengths: tuple[int, ...]) -> PlottedSide:
    bars = [0] * BARS
    for length in lengths:
        if (bar := axis.column(length, BARS)) is not None:
            bars[bar] += 1
    return PlottedSide(lengths, tuple(bars), (), (), sum(length > axis.end for length in lengths))


def plotted(axis: Axis, baseline: tuple[int, ...], candidate: tuple[int, ...]) -> PlottedPair:
    tasks = tuple(range(1, len(baseline) + 1))
    return PlottedPair(axis, "answer", "characters", tasks, side(axis, baseline), side(axis, candidate))


@given(ends, st.sampled_from(SCALES))
@settings(max_examples=60)
def test_bars_follow_each_other_without_a_gap_from_zero_to_the_end_of_the_axis(end: int, scale: str) -> None:
    pair = plotted(Axis(float(end), scale), (), ())  # type: ignore[arg-type]
    bounds = [pair.bounds(bar) for bar in range(BARS)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == end
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bounds))


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=40), ends, st.sampled_from(SCALES))
@settings(max_examples=60)
def test_a_bar_lists_the_tasks_that_it_counts(lengths: list[int], end: int, scale: str) -> None:
    pair = plotted(Axis(float(end), scale), tuple(lengths), tuple(reversed(lengths)))  # type: ignore[arg-type]
    for bar in range(BARS):
        assert len(pair.tasks_in_bar("baseline", bar)) == pair.baseline.bars[bar]
        assert len(pair.tasks_up_to("candidate", bar)) == sum(pair.candidate.bars[: bar + 1])


def test_a_task_with_two_samples_is_listed_once() -> None:
    both = PlottedSide((5, 5), (2, *([0] * (BARS - 1))), (), (), 0)
    pair = PlottedPair(Axis(200.0), "answer", "characters", (7, 7), both, both)
    assert pair.tasks_in_bar("candidate", 0) == pair.tasks_at(5, 5) == (7,)
    assert pair.of_task(7) == [(5, 5), (5, 5)]
