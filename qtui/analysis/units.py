"""Independent units: a task with all its samples, or a whole conversation, whose turns are tasks.

Answers within a unit are not independent: a model that misses a task misses it in most samples, and a turn is answered on top of
the turn before it. Means stay means over tasks; their intervals and tests treat the unit as drawn (Miller 2024, arXiv 2411.00640,
section 2.2). Where every task is a unit of its own, the formulas are Student's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean over values in `units` independent units, with its standard error and degrees of freedom; None below two units."""

    mean: float
    se: float | None
    units: int
    df: float | None

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return Student's interval."""
        if self.se is None or self.df is None:
            return None
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.se
        return self.mean - half, self.mean + half


def clustered_mean(values: npt.ArrayLike, units: npt.ArrayLike | None = None) -> ClusteredMean:
    """Return the mean of values (n,), one at least, with the standard error clustered by `units` (n,); None: each is its own.

    se² = Σ_g t_g² / (1 − p_g) / n², where t_g is the sum of the deviations in unit g and p_g its share of the n values: Bell &
    McCaffrey's estimator (2002), Liang & Zeger's (1986) without its bias. Where all units have the same size it is
    G / (G − 1) · Σ_g t_g² / n², and with one value per unit the square of sd / √n.

    The degrees of freedom are those of Imbens & Kolesár (2016): Satterthwaite's, with the estimated correlation within units.
    G − 1 where all units have the same size; fewer where a few units have most of the values.
    """
    x = np.asarray(values, dtype=np.float64)
    mean = float(x.mean())
    each = np.arange(x.size) if units is None else np.asarray(units)
    sizes = totals(np.ones_like(x), each)
    g = int(sizes.size)
    if g < 2:
        return ClusteredMean(mean, None, g, None)
    sums = totals(x - mean, each)
    se = float(np.sqrt((sums**2 / (1 - sizes / x.size)).sum())) / x.size
    if (sizes == sizes[0]).all():
        return ClusteredMean(mean, se, g, g - 1)
    return ClusteredMean(mean, se, g, _degrees_of_freedom(sizes, _correlation(x - mean, sums, sizes, each)))


def _correlation(deviations: Floats, sums: Floats, sizes: Floats, units: npt.ArrayLike) -> float:
    """Return the correlation of two values of one unit, from 0 to 1, by the products of all such pairs."""
    products = sums**2 - totals(deviations**2, units)
    variance = float((deviations**2).mean())
    pairs = float((sizes * (sizes - 1)).sum())
    return min(1.0, max(0.0, float(products.sum()) / pairs / variance)) if variance else 0.0


def _degrees_of_freedom(sizes: Floats, correlation: float) -> float:
    """Return tr(B)² / tr(B²), where B is the covariance of the terms t_g / √(1 − p_g) of the standard error.

    A unit's sum has the variance m · n_g + c · n_g² (m = 1 − c): one part of each value, one that the unit's values share.
    """
    shares = sizes / sizes.sum()
    variances = (1 - correlation) * sizes + correlation * sizes**2
    crossed = np.outer(variances, shares)
    covariance = np.diag(variances) - crossed - crossed.T + variances.sum() * np.outer(shares, shares)
    scaled = covariance / np.sqrt(np.outer(1 - shares, 1 - shares))
    return float(np.trace(scaled) ** 2 / (scaled**2).sum())


def totals(values: Floats, units: npt.ArrayLike) -> Floats:
    """Return the sum of values (n,) in each unit, by ascending unit."""
    _, index = np.unique(np.asarray(units), return_inverse=True)
    return np.asarray(np.bincount(index, weights=values), dtype=np.float64)


def means(values: Floats, units: npt.ArrayLike | None) -> Floats:
    """Return the mean of values (n,) in each unit, by ascending unit; the values themselves if `units` is None."""
    if units is None:
        return values
    return np.asarray(totals(values, units) / totals(np.ones_like(values), units), dtype=np.float64)


def units_of_tasks(tasks: pd.DataFrame) -> dict[tuple[Any, int], int]:
    """Return (experiment, task) → the task that begins its conversation, for tasks that follow another one.

    `tasks` has experiment, task and perhaps `follows`, the task of the turn before (missing: none). Other tasks are left out: each
    is a unit of its own.
    """
    if "follows" not in tasks.columns or not tasks["follows"].notna().any():
        return {}
    begins: dict[tuple[Any, int], int] = {}
    turns = tasks.dropna(subset=["follows"]).sort_values("task")
    for experiment, task, before in zip(turns["experiment"], turns["task"], turns["follows"], strict=True):
        begins[experiment, int(task)] = begins.get((experiment, int(before)), int(before))
    return begins
