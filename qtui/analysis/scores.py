"""Scores of a candidate against its baseline on the same tasks: the difference, its uncertainty, and its components.

The unit is the task: grades of several takes are averaged first, then several samples (Miller 2024, arXiv 2411.00640: paired
differences, clusters), and Student's interval with n−1 degrees of freedom is taken over tasks. The turns of a conversation are
tasks of one unit: the mean is over tasks, its standard error clustered by unit (see `units`). An unpaired comparison of the same
grades would need several times as many tasks for the same precision.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.units import clustered_mean, means
from qtui.figures.scores import FIVE_POINTS, MARGIN, Bounds, LengthCovariate, pass_grade, stretch

BIG = 2.0
"""The smallest difference in one task that is big, in grades of 1–5."""
SAME = 1e-9
"""Means of takes that differ by less are a tie: the difference is rounding error."""


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Grades per task, candidate − baseline. `se`, `sd` and intervals need two tasks; everything but `n` is None without tasks."""

    n: int
    baseline_mean: float | None
    candidate_mean: float | None
    difference: float | None
    sd: float | None
    se: float | None
    interval90: tuple[float, float] | None
    interval95: tuple[float, float] | None
    p: float | None
    """Two-sided paired t test; None without variance."""
    wins: int | None
    ties: int | None
    losses: int | None
    flips_down: int | None
    flips_up: int | None
    big_down: int | None
    big_up: int | None
    mde80: float | None
    tasks_needed: int | None
    units: int
    """Number of independent units: tasks, or conversations."""
    df: float | None = None
    """Degrees of freedom of `se`; units − 1 unless conversations differ in length. See `units.clustered_mean`."""


_NO_SCORES = PairedScores(
    n=0,
    baseline_mean=None,
    candidate_mean=None,
    difference=None,
    sd=None,
    se=None,
    interval90=None,
    interval95=None,
    p=None,
    wins=None,
    ties=None,
    losses=None,
    flips_down=None,
    flips_up=None,
    big_down=None,
    big_up=None,
    mde80=None,
    tasks_needed=None,
    units=0,
)


def paired(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    *,
    margin: float = MARGIN,
    scale: Bounds = FIVE_POINTS,
    units: npt.ArrayLike | None = None,
) -> PairedScores:
    """Compare grades (tasks,) of equal tasks in equal order, none of them NaN. `margin` is in grades of `scale`.

    `units` (tasks,) says which tasks are turns of one conversation; None: every task is a unit of its own.

    - wins, ties, losses: tasks where the candidate is above, equal, below
    - flips (Dutta et al. 2024, arXiv 2407.09141): tasks that went below the middle of the scale (3 of 1–5), or came up to it
    - big: |d| ≥ 2 on 1–5, and the same part of another scale
    - mde80 = (z.975 + z.80) · sd / √n: the difference that a two-sided 5 % test finds 4 times of 5 (Miller 2024, section 5)
    - tasks_needed: see `tasks_needed`
    """
    b = np.asarray(baseline, dtype=np.float64)
    c = np.asarray(candidate, dtype=np.float64)
    if b.shape != c.shape or b.ndim != 1:
        raise ValueError(f"paired scores need two one-dimensional arrays of one shape, not {b.shape} and {c.shape}")
    n = int(b.size)
    if n == 0:
        return _NO_SCORES
    d = c - b
    d[np.abs(d) < SAME] = 0.0
    mean = clustered_mean(d, units)
    se, difference = mean.se, mean.mean
    passed_b, passed_c = b >= pass_grade(scale) - SAME, c >= pass_grade(scale) - SAME
    big = BIG * stretch(scale)
    return PairedScores(
        n=n,
        baseline_mean=float(b.mean()),
        candidate_mean=float(c.mean()),
        difference=difference,
        sd=float(d.std(ddof=1)) if n > 1 else None,
        se=se,
        interval90=mean.interval(0.90),
        interval95=mean.interval(0.95),
        p=2 * float(stats.t.sf(abs(difference) / se, mean.df)) if se and mean.df else None,
        wins=int((d > 0).sum()),
        ties=int((d == 0).sum()),
        losses=int((d < 0).sum()),
        flips_down=int((passed_b & ~passed_c).sum()),
        flips_up=int((~passed_b & passed_c).sum()),
        big_down=int((d <= -big + SAME).sum()),
        big_up=int((d >= big - SAME).sum()),
        mde80=None if se is None else float(stats.norm.ppf(0.975) + stats.norm.ppf(0.80)) * se,
        tasks_needed=tasks_needed(None if se is None else se * float(np.sqrt(n)), margin),
        units=mean.units,
        df=mean.df,
    )


def tasks_needed(sd: float | None, margin: float) -> int | None:
    """Return the number of tasks from which no verdict is inconclusive: the 90 % interval is then no wider than the margin.

    n ≥ (2 · t.95,n−1 · sd / margin)². An inconclusive interval reaches from −margin or below to 0 or above, so a narrower
    one decides, wherever it lies. The observed difference is not used, so this is not a post-hoc power analysis.
    None without a standard deviation.
    """
    if sd is None or margin <= 0:
        return None
    n = 2
    for _ in range(20):
        needed = max(2, int(np.ceil((2 * float(stats.t.ppf(0.95, max(n, 3) - 1)) * sd / margin) ** 2)))
        if needed == n:
            break
        n = needed
    return n


def length_covariate(
    d: npt.ArrayLike,
    baseline_length: npt.ArrayLike,
    candidate_length: npt.ArrayLike,
    *,
    units: npt.ArrayLike | None = None,
) -> LengthCovariate | None:
    """Return the least squares fit of d (tasks,) on ln of the length ratio, over units with both lengths above zero.

    A check, not a correction: the change of length may be the loss of quality (after Dubois et al. 2024, arXiv 2404.04475). None
    below 10 tasks or if all ratios are equal.
    """
    every = (np.asarray(values, dtype=np.float64) for values in (d, baseline_length, candidate_length))
    y, *lengths = (means(values, units) for values in every)
    has_both = (lengths[0] > 0) & (lengths[1] > 0)
    x = np.log(lengths[1][has_both] / lengths[0][has_both])
    n = int(x.size)
    if n < 10 or float(np.ptp(x)) < SAME:
        return None
    fit = stats.linregress(x, y[has_both])
    t = float(stats.t.ppf(0.975, n - 2))
    beta_se, delta_se = float(fit.stderr), float(fit.intercept_stderr)
    return LengthCovariate(
        n=n,
        delta=float(fit.intercept),
        delta_interval95=(float(fit.intercept) - t * delta_se, float(fit.intercept) + t * delta_se),
        beta=float(fit.slope),
        beta_interval95=(float(fit.slope) - t * beta_se, float(fit.slope) + t * beta_se),
        beta_p=float(fit.pvalue),
    )


def noise_flips(takes: npt.ArrayLike, scale: Bounds = FIVE_POINTS) -> float | None:
    """Return how many tasks cross the middle of the scale between two gradings of the same answers: the mean over pairs of takes.

    `takes` is (answers, takes), NaN where ungraded; an answer that lacks one of the two takes is left out of that pair.
    It estimates `flips_down + flips_up` if only the judge's noise changed. None below two takes.
    """
    grades = np.asarray(takes, dtype=np.float64)
    if grades.ndim != 2 or grades.shape[1] < 2:
        return None
    counts = []
    passes = pass_grade(scale)
    for i in range(grades.shape[1]):
        for j in range(i + 1, grades.shape[1]):
            both = ~np.isnan(grades[:, i]) & ~np.isnan(grades[:, j])
            counts.append(int(((grades[both, i] >= passes) != (grades[both, j] >= passes)).sum()))
    return float(np.mean(counts))
