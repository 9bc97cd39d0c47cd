"""Scores: figures by hand, invariants, and the odd data that must not break them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qtui.analysis import scores
from qtui.analysis.verdict import decide

GRADES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=60)


def test_paired_scores_by_hand() -> None:
    found = scores.paired([3, 3, 5, 1, 2], [2, 4, 3, 1, 4])
    d = np.array([-1, 1, -2, 0, 2])
    assert (found.baseline_mean, found.candidate_mean, found.difference) == (2.8, 2.8, 0.0)
    assert found.sd == pytest.approx(math.sqrt(10 / 4))
    assert (found.wins, found.ties, found.losses) == (2, 1, 2)
    assert (found.flips_down, found.flips_up, found.big_down, found.big_up) == (1, 1, 1, 1)
    low, high = stats.t.interval(0.90, 4, loc=d.mean(), scale=stats.sem(d))
    assert found.interval90 == pytest.approx((low, high))
    assert found.mde80 == pytest.approx(2.801585 * math.sqrt(2.5 / 5), abs=1e-5)


def test_p_is_scipy_s_paired_t_test() -> None:
    rng = np.random.default_rng(4)
    b, c = rng.integers(1, 6, 50), rng.integers(1, 6, 50)
    assert scores.paired(b, c).p == pytest.approx(stats.ttest_rel(c, b).pvalue)


def test_means_of_takes_that_differ_by_rounding_are_a_tie() -> None:
    found = scores.paired([(1 + 2 + 2) / 3, 0.1 + 0.2 + 2.7], [5 / 3, 3.0])
    assert (found.ties, found.flips_down, found.flips_up) == (2, 0, 0)


@pytest.mark.parametrize("sd", [0.0, 0.1, 0.5, 1.0, 1.6])
def test_with_the_tasks_needed_no_difference_is_inconclusive(sd: float) -> None:
    n = scores.tasks_needed(sd, 0.2)
    assert n is not None
    half = float(stats.t.ppf(0.95, n - 1)) * sd / math.sqrt(n)
    assert 2 * half <= 0.2 + 1e-9
    for difference in np.linspace(-0.5, 0.5, 201):
        assert decide((difference - half, difference + half), 0.2) != "inconclusive"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("b", "c"), [([], []), ([3], [5]), ([2, 2, 2], [2, 2, 2]), ([2, 2, 2], [3, 3, 3])])
def test_strange_grades_give_none_and_no_warning(b: list[int], c: list[int]) -> None:
    found = scores.paired(b, c)
    assert found.n == len(b)
    assert found.p is None
    assert (found.interval90 is None) == (len(b) < 2)


def test_the_length_covariate_finds_what_length_explains() -> None:
    rng = np.random.default_rng(6)
    before = rng.integers(50, 500, 200)
    after = before * np.exp(rng.normal(-0.5, 0.4, 200))
    d = 0.3 + 0.8 * np.log(after / before) + rng.normal(0, 0.05, 200)
    fit = scores.length_covariate(d, before, after)
    assert fit is not None
    assert [fit.delta, fit.beta] == pytest.approx([0.3, 0.8], abs=0.03)
    assert fit.delta_interval95[0] < 0.3 < fit.delta_interval95[1]


@pytest.mark.filterwarnings("error")
def test_the_length_covariate_needs_lengths_that_vary_and_ten_tasks() -> None:
    assert scores.length_covariate([1.0] * 20, [10] * 20, [20] * 20) is None
    assert scores.length_covariate([1.0] * 9, range(1, 10), [5] * 9) is None
    assert scores.length_covariate([1.0] * 12, [0] * 6 + [10] * 6, range(12)) is None


def test_noise_flips_counts_crossings_between_takes() -> None:
    takes = np.array([[2, 3, 3], [4, 4, 4], [3, 2, math.nan], [1, 1, 2]])
    # takes 1–2: tasks 1 and 3; takes 1–3: task 1; takes 2–3: none
    assert scores.noise_flips(takes) == pytest.approx((2 + 1 + 0) / 3)
    assert scores.noise_flips([[1], [2]]) is None


@given(GRADES)
@settings(max_examples=60, deadline=None)
def test_swapping_sides_negates_the_difference(grades: list[tuple[int, int]]) -> None:
    b, c = zip(*grades, strict=True)
    there, back = scores.paired(b, c), scores.paired(c, b)
    assert there.difference == pytest.approx(-(back.difference or 0))
    assert there.interval90 == pytest.approx(tuple(-x for x in reversed(back.interval90 or ())))
    assert (there.wins, there.flips_up, there.big_up) == (back.losses, back.flips_down, back.big_down)
    assert (there.sd, there.mde80, there.tasks_needed) == (back.sd, back.mde80, back.tasks_needed)


@given(GRADES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_shuffling_tasks_changes_nothing(grades: list[tuple[int, int]], random: Any) -> None:
    one, other = (scores.paired(*zip(*g, strict=True)) for g in (grades, random.sample(grades, len(grades))))
    assert (one.wins, one.flips_down, one.big_up, one.tasks_needed) == (
        other.wins,
        other.flips_down,
        other.big_up,
        other.tasks_needed,
    )
    assert one.interval90 == pytest.approx(other.interval90)
    assert one.p == pytest.approx(other.p)


@given(GRADES, st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_adding_a_constant_to_the_candidate_shifts_the_interval(grades: list[tuple[int, int]], more: float) -> None:
    b, c = (np.asarray(side, dtype=float) for side in zip(*grades, strict=True))
    plain, shifted = scores.paired(b, c), scores.paired(b, c + more)
    assert shifted.interval95 == pytest.approx(tuple(x + more for x in plain.interval95 or ()), abs=1e-7)
    assert shifted.sd == pytest.approx(plain.sd, abs=1e-7)
