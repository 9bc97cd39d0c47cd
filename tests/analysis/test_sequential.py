"""The confidence sequence: it holds at all looks together, and it narrows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.analysis.sequential import ALPHA, ConfidenceSequence, lot

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
LOOKS = 100
RUNS = 250


def after(values: Floats, points: int = 401) -> ConfidenceSequence:
    sequence = ConfidenceSequence(points=points)
    for value in values:
        sequence.add(float(value))
    return sequence


@pytest.mark.parametrize(
    "values, shares",
    [
        ([0.5], [1.0]),
        ([0.375, 0.5, 0.625], [0.2, 0.6, 0.2]),
        ([0.25, 0.5], [0.15, 0.85]),
        ([0.0, 1.0], [0.5, 0.5]),
        ([0.5, 1.0], [0.97, 0.03]),
    ],
)
def test_the_true_mean_is_left_out_at_any_look_in_at_most_ten_of_a_hundred_runs(
    values: list[float], shares: list[float]
) -> None:
    draw = np.random.default_rng(7)
    mean = float(np.dot(values, shares))
    missed = 0
    for _ in range(RUNS):
        # The interval after the last look lies within those of all looks before.
        sequence = after(draw.choice(values, LOOKS, p=shares))
        missed += not sequence.low <= mean <= sequence.high
    assert missed / RUNS <= ALPHA


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_each_interval_lies_within_the_one_before(values: list[float]) -> None:
    sequence = ConfidenceSequence(points=201)
    before = (0.0, 1.0)
    for value in values:
        sequence.add(value)
        assert before[0] <= sequence.low <= sequence.high <= before[1]
        before = sequence.low, sequence.high


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_values_seen_in_a_mirror_have_the_interval_in_the_mirror(values: list[float]) -> None:
    there, mirrored = after(np.array(values)), after(1 - np.array(values))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - there.high, 1 - there.low), abs=0.0051)


def test_the_capital_is_that_of_the_formula() -> None:
    """Theorem 3, written out for one mean and three values, without anything that is kept from value to value."""
    values, m = [0.5, 0.75, 0.25], 0.9
    log_up = log_down = 0.0
    for t in range(1, 4):
        before = values[: t - 1]
        means = [(0.5 + sum(before[: i + 1])) / (i + 2) for i in range(t - 1)]
        variance = (0.25 + sum((x - mean) ** 2 for x, mean in zip(before, means, strict=True))) / t
        bet = np.sqrt(2 * np.log(2 / ALPHA) / (variance * t * np.log(1 + t)))
        log_up += np.log(1 + min(bet, 0.5 / m) * (values[t - 1] - m))
        log_down += np.log(1 - min(bet, 0.5 / (1 - m)) * (values[t - 1] - m))
    is_kept = np.log(0.5) + max(log_up, log_down) < np.log(1 / ALPHA)
    sequence = after(np.array(values), points=1001)
    assert (sequence.low <= m <= sequence.high) == is_kept


def test_a_mean_far_from_the_middle_is_told_from_it() -> None:
    draw = np.random.default_rng(3)
    sequence = after(draw.choice([0.25, 0.5], 100, p=[0.6, 0.4]))
    assert sequence.high < 0.45


def test_the_lot_of_a_task_is_its_own_and_stays() -> None:
    assert lot("a") == lot("a") != lot("b")
