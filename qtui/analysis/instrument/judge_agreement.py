"""Agreement of a judge with itself over several gradings of the same answers.

Sources: Shrout & Fleiss (1979) for ICC(1,1), ICC(1,k) and ICC(2,1) from the mean squares of an analysis of variance; Krippendorff
(2004) for α with nominal, ordinal and interval distance; bootstrap over answers for the interval of ICC(1,1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from qtui.analysis.grades import GRADES, by_variant, histogram
from qtui.figures.rounding import decimals

Floats = npt.NDArray[np.float64]

RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """Agreement of gradings (answers, takes). Coefficients are None if all grades are equal or there are too few answers.

    Per pair of takes, in the order (1, 2), (1, 3), (2, 3), …: `sd_diff_takes`, `mean_diffs` (later − earlier), `p` (paired t test).
    """

    n: int
    left_out: int
    """Number of answers without a grade in some take."""
    take_means: tuple[float | None, ...]
    mean: float | None
    sd_grades: float | None
    sd_task: float | None
    """Standard deviation of the true grade over answers (variance component)."""
    sd_within: float | None
    """Standard deviation of one grade around its answer's: the judge's noise."""
    mean_task_sd: float | None
    icc1: float | None
    icc1_ci: tuple[float, float] | None
    icc2: float | None
    icc1k: float | None
    """Reliability of the mean of all takes."""
    alpha_interval: float | None
    alpha_ordinal: float | None
    alpha_nominal: float | None
    exact: float | None
    """Share of answers that got the same grade in all takes; `exact_pair`: share of pairs of grades."""
    exact_pair: float | None
    within1: float | None
    range_ge2: int
    sd_diff_takes: tuple[float | None, ...]
    mean_diffs: tuple[float, ...]
    p: tuple[float | None, ...]
    hist: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON with three decimals, like the reference figures; the key of `exact` has the number of takes: `exact3`."""
        places = 3
        single = (
            "mean", "sd_grades", "sd_task", "sd_within", "mean_task_sd", "icc1", "icc2", "icc1k", "alpha_interval",
            "alpha_ordinal", "alpha_nominal", "exact_pair", "within1",
        )  # fmt: skip
        several = ("take_means", "sd_diff_takes", "mean_diffs", "p")
        return (
            {"n": self.n, "left_out": self.left_out, "takes": len(self.take_means)}
            | {f"exact{len(self.take_means)}": decimals(self.exact, places)}
            | {name: decimals(getattr(self, name), places) for name in single}
            | {name: [decimals(value, places) for value in getattr(self, name)] for name in several}
            | {
                "icc1_ci": None if self.icc1_ci is None else [decimals(bound, places) for bound in self.icc1_ci],
                "range_ge2": self.range_ge2,
                "hist": {str(grade): count for grade, count in zip(GRADES, self.hist, strict=True)},
            }
        )


def agreements(grades: pd.DataFrame) -> dict[tuple[Any, str, str, str], JudgeAgreement]:
    """Return the agreement by (experiment, model, variant, judge) with two takes or more; columns as in `score_table`."""
    return {
        (*key, judge): agreement(of_judge.by_take.to_numpy(dtype=np.float64))
        for key, judges in by_variant(grades).items()
        for judge, of_judge in judges.items()
        if of_judge.takes > 1
    }


def agreement(takes: npt.ArrayLike) -> JudgeAgreement:
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
    return JudgeAgreement(
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
        alpha_interval=_alpha(g, lambda v, _: (v[:, None] - v[None, :]) ** 2),
        alpha_ordinal=_alpha(g, _ordinal),
        alpha_nominal=_alpha(g, lambda v, _: (v[:, None] != v[None, :]).astype(np.float64)),
        exact=float((spread == 0).mean()) if n else None,
        exact_pair=float(np.mean([a == b for a, b in pairs])) if n else None,
        within1=float((spread <= 1).mean()) if n else None,
        range_ge2=int((spread >= 2).sum()),
        sd_diff_takes=tuple(float((b - a).std(ddof=1)) if n > 1 else None for a, b in pairs),
        mean_diffs=tuple(float((b - a).mean()) for a, b in pairs),
        p=tuple(_paired_p(b - a) for a, b in pairs),
        hist=histogram(g),
    )


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


def _alpha(g: Floats, distance: Callable[[Floats, Floats], Floats]) -> float | None:
    """Krippendorff's α = 1 − observed / expected disagreement, from the coincidences of values within answers."""
    if g.size == 0:
        return None
    values, index = np.unique(g, return_inverse=True)
    n, k = g.shape
    counts = np.zeros((n, values.size))
    np.add.at(counts, (np.repeat(np.arange(n), k), index.ravel()), 1)
    together = (counts.T @ counts - np.diag(counts.sum(axis=0))) / (k - 1)
    totals = together.sum(axis=1)
    d = distance(values, totals)
    expected = float((np.outer(totals, totals) * d).sum())
    if expected == 0:
        return None
    return 1 - (float(totals.sum()) - 1) * float((together * d).sum()) / expected


def _ordinal(values: Floats, totals: Floats) -> Floats:
    """Return the squared number of grades between two values, counting half of the grades at each end."""
    upto = np.cumsum(totals)
    middle = upto - totals / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2 * np.ones((values.size, values.size)))


def _paired_p(d: Floats) -> float | None:
    if d.size < 2 or not d.std():
        return None
    t = float(d.mean()) / (float(d.std(ddof=1)) / float(np.sqrt(d.size)))
    return 2 * float(stats.t.sf(abs(t), d.size - 1))
