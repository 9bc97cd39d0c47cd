"""Recovery: the candidate's mean score as a share of the baseline's, as quantized models are reported, with an interval.

For accuracies the interval is that of a ratio of paired proportions; for other scores Fieller's (1954, J. R. Statist. Soc. B
16, 175–185), which solves (c̄ − r·b̄)² ≤ t² · Var(c̄ − r·b̄) for r with the covariance of the pairs. If the baseline's mean
is not above 0 at the level of the interval, no r can be excluded, and there is no interval.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.scorers import paired_proportions
from qtui.analysis.scorers.paired_proportions import PairedCounts

FIELLER = "ratio of paired means (Fieller 1954)"
NO_BASELINE = "none: the baseline's mean is 0, or not distinguishable from it"
FEW = "none: an interval needs two tasks"
UNCHANGED = "none: no score changed, so that nothing says how far scores would vary"


@dataclass(frozen=True, slots=True)
class Recovery:
    value: float | None
    interval90: tuple[float, float] | None
    interval95: tuple[float, float] | None
    method: str


def recovery(baseline: npt.ArrayLike, candidate: npt.ArrayLike, counts: PairedCounts | None) -> Recovery:
    """Return candidate / baseline over scores (tasks,) in equal order; `counts` if all scores are 0 or 1."""
    b, c = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if b.size == 0 or b.mean() <= 0:
        return Recovery(None, None, None, NO_BASELINE)
    value = float(c.mean() / b.mean())
    if counts is not None:
        intervals = [paired_proportions.ratio_interval(counts, level) for level in (0.90, 0.95)]
        return Recovery(value, intervals[0], intervals[1], paired_proportions.RATIO_METHOD)
    if b.size < 2:
        return Recovery(value, None, None, FEW)
    if np.array_equal(b, c):
        return Recovery(value, None, None, UNCHANGED)
    intervals = [fieller(b, c, level) for level in (0.90, 0.95)]
    return Recovery(value, intervals[0], intervals[1], FIELLER if intervals[0] else NO_BASELINE)


def fieller(b: npt.NDArray[np.float64], c: npt.NDArray[np.float64], level: float) -> tuple[float, float] | None:
    """Return Fieller's interval of mean(c) / mean(b) over pairs; None if it is not bounded."""
    n = b.size
    t2 = float(stats.t.ppf((1 + level) / 2, n - 1)) ** 2
    mean_b, mean_c = float(b.mean()), float(c.mean())
    (var_b, covariance), (_, var_c) = np.cov(b, c) / n
    quadratic = mean_b**2 - t2 * var_b
    if quadratic <= 0:
        return None
    linear = mean_b * mean_c - t2 * covariance
    constant = mean_c**2 - t2 * var_c
    root = math.sqrt(max(0.0, linear**2 - quadratic * constant))
    return float((linear - root) / quadratic), float((linear + root) / quadratic)
