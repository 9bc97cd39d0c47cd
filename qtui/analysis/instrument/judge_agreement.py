"""Agreement of a judge with itself over several gradings of the same answers.

Sources: Shrout & Fleiss (1979) for ICC(1,1), ICC(1,k) and ICC(2,1) from the mean squares of an analysis of variance; Krippendorff
(2004) for α with nominal, ordinal and interval distance, by NLTK; bootstrap over answers for the interval of ICC(1,1).
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from qtui.analysis.grades import by_variant
from qtui.analysis.instrument.coefficients import alpha
from qtui.figures.agreement import Retest

Floats = npt.NDArray[np.float64]

RESAMPLES = 2_000


FIVE_POINTS = (1, 5)


def agreements(
    grades: pd.DataFrame, scales: Mapping[tuple[Any, str], tuple[int, int]] | None = None
) -> dict[tuple[Any, str, str, str], Retest]:
    """Return the agreement by (experiment, model, variant, judge) with two takes or more; columns as in `score_table`.

    `scales` is (experiment, judge) → lowest and highest grade, 1 to 5 where it has none.
    """
    return {
        (*key, judge): agreement(
            of_judge.by_take.to_numpy(dtype=np.float64), (scales or {}).get((key[0], judge), FIVE_POINTS)
        )
        for key, judges in by_variant(grades).items()
        for judge, of_judge in judges.items()
        if of_judge.takes > 1
    }


def agreement(takes: npt.ArrayLike, scale: tuple[int, int] = FIVE_POINTS) -> Retest:
    """Return the agreement of grades (answers, takes), at least two takes; answers with a NaN are left out and counted.

    Raises ValueError for fewer takes.
    """
    every = np.asarray(takes, dtype=np.float64)
    if every.ndim != 2 or every.shape[1] < 2:
        raise ValueError(f"agreement needs (answers, takes) with two takes or more, not {every.shape}")
    g = every[~np.isnan(every).any(axis=1)]
    n, k = g.shape
    between, within = _mean_squares(g)
    pairs = [(g[:, i], g[:, j]) for i, j in combinations(range(k), 2)] if n else []
    spread = np.ptp(g, axis=1) if n else np.zeros(0)
    return Retest(
        n=n,
        left_out=len(every) - n,
        take_means=tuple(float(m) if n else None for m in (g.mean(axis=0) if n else range(k))),
        mean=float(g.mean()) if n else None,
        sd_grades=float(g.std(ddof=1)) if n else None,
        sd_task=None if between is None or within is None else float(np.sqrt(max(0.0, (between - within) / k))),
        sd_within=None if within is None else float(np.sqrt(within)),
        mean_task_sd=float(g.std(axis=1, ddof=1).mean()) if n else None,
        icc1=_icc1(between, within, k),
        icc1_ci=_icc1_interval(g),
        icc2=_icc2(g),
        icc1k=1 - within / between if between and within is not None else None,
        alpha_interval=alpha(g, "interval"),
        alpha_ordinal=alpha(g, "ordinal"),
        alpha_nominal=alpha(g, "nominal"),
        exact=float((spread == 0).mean()) if n else None,
        exact_pair=float(np.mean([a == b for a, b in pairs])) if n else None,
        within1=float((spread <= 1).mean()) if n else None,
        range_ge2=int((spread >= 2).sum()),
        sd_diff_takes=tuple(float((b - a).std(ddof=1)) if n > 1 else None for a, b in pairs),
        mean_diffs=tuple(float((b - a).mean()) for a, b in pairs),
        p=tuple(_paired_p(b - a) for a, b in pairs),
        hist=_histogram(g, scale),
        lowest=scale[0],
    )


def _histogram(g: Floats, scale: tuple[int, int]) -> tuple[int, ...]:
    """Return how many grades there are of each whole number of the scale; fractional ones are rounded, halves up."""
    nearest = np.clip(np.floor(g + 0.5), *scale)
    return tuple(int((nearest == grade).sum()) for grade in range(scale[0], scale[1] + 1))


def _mean_squares(g: Floats) -> tuple[float | None, float | None]:
    """Return the mean squares between and within answers of a one-way analysis of variance."""
    n, k = g.shape
    if n < 2:
        return None, None
    return k * float(g.mean(axis=1).var(ddof=1)), float(g.var(axis=1, ddof=1).mean())


def _icc1(between: float | None, within: float | None, k: int) -> float | None:
    if between is None or within is None or between + (k - 1) * within == 0:
        return None
    return (between - within) / (between + (k - 1) * within)


def _icc1_interval(g: Floats) -> tuple[float, float] | None:
    n, k = g.shape
    if n < 3 or not g.std():
        return None
    drawn = g[np.random.default_rng(0).integers(0, n, (RESAMPLES, n))]
    between = k * drawn.mean(axis=2).var(axis=1, ddof=1)
    within = drawn.var(axis=2, ddof=1).mean(axis=1)
    total = between + (k - 1) * within
    varied = total > 0
    low, high = np.percentile((between - within)[varied] / total[varied], [2.5, 97.5])
    return float(low), float(high)


def _icc2(g: Floats) -> float | None:
    n, k = g.shape
    if n < 2:
        return None
    rows, columns, mean = g.mean(axis=1, keepdims=True), g.mean(axis=0, keepdims=True), g.mean()
    between = k * float(rows.var(ddof=1))
    takes = n * float(columns.var(ddof=1))
    error = float(((g - rows - columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    total = between + (k - 1) * error + k * (takes - error) / n
    return (between - error) / total if total else None


def _paired_p(d: Floats) -> float | None:
    if d.size < 2 or not d.std():
        return None
    t = float(d.mean()) / (float(d.std(ddof=1)) / float(np.sqrt(d.size)))
    return 2 * float(stats.t.sf(abs(t), d.size - 1))
