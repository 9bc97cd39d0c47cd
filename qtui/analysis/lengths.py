"""Answer lengths: summary of one variant, comparison of two variants task by task.

A length is a number of code points; raw lengths are `len(text)`, as in the 2024 study, stripped lengths
`len(text.strip())`. Definitions and digits are those of the reference figures that came with the study's data.

Sources: Wilcoxon (1945) signed-rank test in scipy's asymptotic form; Cliff (1993) dominance δ; two-sample
Kolmogorov–Smirnov; first Wasserstein distance; Efron's percentile bootstrap over tasks; Student's interval on the
paired differences. All tests but the last two are scipy's.
"""

import warnings
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.units import clustered_mean, means, totals
from qtui.figures.lengths import LengthSummary, PairedLengths

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
_FEWEST_RESAMPLES = 1_000
_DRAWS = 2_000_000
_DRAWS_AT_ONCE = 4_000_000


_NO_PAIRS = PairedLengths(
    n=0,
    mean_diff=None,
    sd_diff=None,
    boot95=None,
    t95=None,
    rel_change_mean=None,
    rel_change_median=None,
    median_paired_diff=None,
    n_longer=0,
    n_shorter=0,
    n_equal=0,
    wilcoxon_W=None,
    wilcoxon_p=None,
    sign_p=None,
    cliffs_delta=None,
    ks_D=None,
    ks_p=None,
    wasserstein=None,
    spearman=None,
    mean_abs_diff=None,
)


def describe(lengths: npt.ArrayLike) -> LengthSummary:
    """Return the summary of a one-dimensional array of lengths: sd with n−1, quartiles by numpy's linear interpolation."""
    x = np.asarray(lengths, dtype=np.float64)
    if x.size == 0:
        return LengthSummary(0, *[None] * 8)
    q1, median, q3 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75]))
    return LengthSummary(
        n=int(x.size),
        mean=float(x.mean()),
        sd=float(x.std(ddof=1)) if x.size > 1 else None,
        median=median,
        q1=q1,
        q3=q3,
        iqr=q3 - q1,
        min=int(x.min()),
        max=int(x.max()),
    )


def paired(baseline: npt.ArrayLike, candidate: npt.ArrayLike, *, units: npt.ArrayLike | None = None) -> PairedLengths:
    """Compare two arrays of equal shape (tasks,), lengths in characters, in the same order of tasks.

    `units` (tasks,) says which tasks are turns of one conversation: intervals are clustered by it, and the tests of Wilcoxon,
    of signs and of Kolmogorov and Smirnov are on means of units. None: every task is a unit of its own.

    - mean_diff = mean(candidate − baseline); rel_change = candidate / baseline − 1, of means and of medians
    - boot95: percentile bootstrap over tasks, see `bootstrap_mean`; t95: Student, n−1 degrees of freedom
    - Wilcoxon: zeros dropped, no continuity correction, normal approximation; sign test: exact binomial
    - Cliff's δ = (#(c > b) − #(c < b)) / n² over all n² pairs of answers: negative where the candidate is shorter
    - KS and Wasserstein compare the two distributions, tasks unpaired; Spearman correlates the lengths of equal tasks

    Raises ValueError if the shapes differ.
    """
    b = np.asarray(baseline, dtype=np.float64)
    c = np.asarray(candidate, dtype=np.float64)
    if b.shape != c.shape or b.ndim != 1:
        raise ValueError(f"paired lengths need two one-dimensional arrays of one shape, not {b.shape} and {c.shape}")
    n = int(b.size)
    if n == 0:
        return _NO_PAIRS
    d = c - b
    longer, shorter = int((d > 0).sum()), int((d < 0).sum())
    of_units = means(d, units)
    w, w_p = wilcoxon(of_units)
    ks_d, ks_p = _kolmogorov_smirnov(b, c)
    if units is not None:
        ks_p = _kolmogorov_smirnov(means(b, units), means(c, units))[1]
    return PairedLengths(
        n=n,
        mean_diff=float(d.mean()),
        sd_diff=float(d.std(ddof=1)) if n > 1 else None,
        boot95=bootstrap_mean(d, units=units),
        t95=clustered_mean(d, units).interval(0.95),
        rel_change_mean=_relative(float(b.mean()), float(c.mean())),
        rel_change_median=_relative(float(np.median(b)), float(np.median(c))),
        median_paired_diff=float(np.median(d)),
        n_longer=longer,
        n_shorter=shorter,
        n_equal=n - longer - shorter,
        wilcoxon_W=w,
        wilcoxon_p=w_p,
        sign_p=sign_test(int((of_units > 0).sum()), int((of_units < 0).sum())),
        cliffs_delta=_cliffs_delta(b, c),
        ks_D=ks_d,
        ks_p=ks_p,
        wasserstein=float(stats.wasserstein_distance(b, c)),
        spearman=_spearman(b, c),
        mean_abs_diff=float(np.abs(d).mean()),
    )


def bootstrap_mean(differences: npt.ArrayLike, *, units: npt.ArrayLike | None = None) -> tuple[float, float] | None:
    """Return the 95 % percentile bootstrap interval of the mean over tasks (Efron & Tibshirani 1993, ch. 13), None below two units.

    With `units` (tasks,) whole units are drawn, each with all its tasks.

    The resamples are `numpy.random.default_rng(0).integers(0, n, (10000, n))`, so the interval is reproducible and the same
    as in the reference figures. Above 200 tasks there are fewer resamples, at least 1,000, where chance moves a bound by about 4 %
    of the half width.
    """
    values = np.asarray(differences, dtype=np.float64)
    d = values if units is None else totals(values, units)
    sizes = None if units is None else totals(np.ones_like(values), units)
    n = int(d.size)
    if n < 2:
        return None
    rows = max(_FEWEST_RESAMPLES, min(RESAMPLES, _DRAWS // n))
    if rows * n <= _DRAWS_AT_ONCE:
        blocks = iter((_resamples(n, rows),))
    else:
        random = np.random.default_rng(0)
        step = max(1, _DRAWS_AT_ONCE // n)
        blocks = (random.integers(0, n, (min(step, rows - start), n), dtype=np.int32) for start in range(0, rows, step))
    drawn = np.concatenate([_means_of_draws(d, sizes, block) for block in blocks])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _means_of_draws(d: Floats, sizes: Floats | None, drawn: npt.NDArray[np.int32]) -> Floats:
    """Return the mean of each resample (rows, n); where `sizes` are given, `d` has sums over units of these sizes."""
    if sizes is None:
        return np.asarray(d[drawn].mean(axis=1))
    return np.asarray(d[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))


def student_interval(values: npt.ArrayLike, level: float) -> tuple[float, float] | None:
    """Return Student's interval of the mean, n−1 degrees of freedom; None below two values, one point without variance."""
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        return None
    mean = float(x.mean())
    half = float(stats.t.ppf(0.5 + level / 2, x.size - 1)) * float(x.std(ddof=1)) / float(np.sqrt(x.size))
    return mean - half, mean + half


@lru_cache(maxsize=1024)
def sign_test(up: int, down: int) -> float | None:
    """Return the exact two-sided binomial p of `up` against `down` under equal odds; None if both are 0."""
    return float(stats.binomtest(up, up + down).pvalue) if up + down else None


def wilcoxon(differences: Floats) -> tuple[float | None, float | None]:
    """Return statistic and two-sided p of Wilcoxon's signed-rank test, asymptotic, zeros dropped; None if all are zero."""
    if not differences.any():
        return None, None
    result = stats.wilcoxon(differences, zero_method="wilcox", correction=False, method="approx")
    return float(result.statistic), float(result.pvalue)


@lru_cache(maxsize=2)
def _resamples(n: int, rows: int) -> npt.NDArray[np.int32]:
    return np.random.default_rng(0).integers(0, n, (rows, n)).astype(np.int32)


def _relative(before: float, after: float) -> float | None:
    return after / before - 1 if before else None


def _kolmogorov_smirnov(b: Floats, c: Floats) -> tuple[float, float]:
    with warnings.catch_warnings():
        # Near p = 1 the exact sum can exceed 1 by rounding; scipy then uses the asymptotic p and warns.
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.ks_2samp(b, c)
    return float(result.statistic), float(result.pvalue)


def _cliffs_delta(b: Floats, c: Floats) -> float:
    # Ranks instead of all n² comparisons: the counts are the same and 100,000 tasks take milliseconds.
    ordered = np.sort(b)
    below = int(np.searchsorted(ordered, c, side="left").sum())
    not_above = int(np.searchsorted(ordered, c, side="right").sum())
    return (below - (b.size * c.size - not_above)) / (b.size * c.size)


def _spearman(b: Floats, c: Floats) -> float | None:
    if b.size < 2 or np.ptp(b) == 0 or np.ptp(c) == 0:
        return None
    return float(stats.spearmanr(b, c).statistic)
