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
    """A mean over values in `units` independent units, with its standard error; None below two units."""

    mean: float
    se: float | None
    units: int

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return Student's interval with units − 1 degrees of freedom."""
        if self.se is None:
            return None
        half = float(stats.t.ppf(0.5 + level / 2, self.units - 1)) * self.se
        return self.mean - half, self.mean + half


def clustered_mean(values: npt.ArrayLike, units: npt.ArrayLike | None = None) -> ClusteredMean:
    """Return the mean of values (n,), one at least, with the standard error clustered by `units` (n,); None: each is its own.

    se² = G / (G − 1) · Σ_g (Σ_{i in g} (x_i − mean))² / n² for G units: the estimator of Liang & Zeger (1986) with the factor that
    makes it the square of sd / √n where every unit has one value.
    """
    x = np.asarray(values, dtype=np.float64)
    mean = float(x.mean())
    deviations = x - mean if units is None else totals(x - mean, units)
    g = int(deviations.size)
    if g < 2:
        return ClusteredMean(mean, None, g)
    return ClusteredMean(mean, float(np.sqrt(g / (g - 1) * float((deviations**2).sum()))) / x.size, g)


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
