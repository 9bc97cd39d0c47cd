"""Simulations: the 90 % interval covers the truth 88–92 times of 100, and each verdict is wrong as often as it claims to be.

Grades are 1–5 with the correlations of real pairs, so d is discrete and skewed; seeds are fixed, so the figures are too.
"""

import numpy as np
import numpy.typing as npt
import pytest

from qtui.analysis import scores, verdict
from qtui.analysis.corrections import holm

MARGIN = 0.2
RUNS = 1_000


def population(difference: float, seed: int) -> npt.NDArray[np.float64]:
    """40,000 pairs of grades (pairs, 2) whose mean difference is `difference` to within 1/40,000."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(2.6, 1.3, 40_000)
    both = np.clip(np.rint(quality[:, None] + rng.normal(0, 0.7, (40_000, 2))), 1, 5)
    gap = round(40_000 * difference - float((both[:, 1] - both[:, 0]).sum()))
    step = 1 if gap > 0 else -1
    movable = np.flatnonzero((both[:, 1] + step >= 1) & (both[:, 1] + step <= 5))
    both[rng.choice(movable, abs(gap), replace=False), 1] += step
    return both


def simulate(difference: float, n: int, seed: int) -> list[scores.PairedScores]:
    pairs = population(difference, seed)
    rng = np.random.default_rng(seed + 1)
    drawn = (pairs[rng.integers(0, len(pairs), n)] for _ in range(RUNS))
    return [scores.paired(one[:, 0], one[:, 1], margin=MARGIN) for one in drawn]


def share(found: list[scores.PairedScores], *names: str) -> float:
    return float(np.mean([verdict.decide(s.interval90 or (0, 0), MARGIN) in names for s in found]))


@pytest.mark.parametrize(("difference", "n"), [(0.0, 100), (-0.2, 40), (-0.5, 100)])
def test_the_90_percent_interval_covers_88_to_92_percent(difference: float, n: int) -> None:
    intervals = [s.interval90 or (0, 0) for s in simulate(difference, n, 11)]
    covered = np.mean([low <= difference <= high for low, high in intervals])
    assert 0.88 <= covered <= 0.92


def test_at_a_loss_of_the_margin_good_verdicts_are_wrong_5_times_of_100() -> None:
    found = simulate(-MARGIN, 100, 21)
    assert 0.03 <= share(found, "equivalent", "not_worse", "higher") <= 0.065
    assert 0.03 <= share(found, "worse") <= 0.065


def test_without_a_difference_higher_and_lower_are_wrong_5_times_of_100_each() -> None:
    found = simulate(0.0, 60, 31)
    assert 0.03 <= share(found, "higher") <= 0.065
    assert 0.03 <= share(found, "lower", "worse") <= 0.065


def test_at_a_gain_of_the_margin_equivalent_is_wrong_at_most_5_times_of_100() -> None:
    # With 400 tasks the interval is narrow enough to claim equivalence at all.
    assert 0.03 <= share(simulate(MARGIN, 400, 41), "equivalent") <= 0.065


def test_a_small_loss_is_found_not_worse_once_there_are_enough_tasks() -> None:
    assert share(simulate(-0.02, 600, 51), "equivalent", "not_worse") > 0.95


def test_holm_keeps_false_findings_of_a_family_below_5_of_100() -> None:
    p = np.random.default_rng(61).uniform(size=(4_000, 12))
    wrong = np.mean([any(q is not None and q < 0.05 for q in holm(row.tolist())) for row in p])
    assert 0.035 <= wrong <= 0.06
