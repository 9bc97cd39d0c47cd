"""Densities for violins: Gaussian kernels, Scott's bandwidth, cut at the data's range, on the caller's grid.

The cut means that no density is shown below zero characters or beyond the longest answer. Densities are not renormalised
afterwards, so that two violins on one grid have one scale.

Source: Scott (1992), bandwidth n^(−1/5) · sd, by scipy.stats.gaussian_kde.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

_MOST_KERNELS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """Density per character at each point of the grid, both of shape (points,). `note` says why a curve is not smooth."""

    grid: Floats
    values: Floats
    note: str = ""


def density(lengths: npt.ArrayLike, grid: npt.ArrayLike) -> Density:
    """Return the density of `lengths` (n,) at `grid` (points,), ascending. Lengths without variance give a spike of area 1."""
    x = np.asarray(lengths, dtype=np.float64)
    points = np.asarray(grid, dtype=np.float64)
    if x.size == 0 or points.size == 0:
        return Density(points, np.zeros_like(points), "no answers")
    low, high = float(x.min()), float(x.max())
    if low == high:
        note = "one answer" if x.size == 1 else f"all {x.size} answers have {low:g} characters"
        return Density(points, _spike(points, low), note)
    # Above 20,000 answers every k-th of the sorted lengths represents its neighbours: visually the same curve in bounded time.
    kernels = np.sort(x)[:: max(1, -(-x.size // _MOST_KERNELS))]
    inside = (points >= low) & (points <= high)
    values = np.zeros_like(points)
    if inside.any():
        values[inside] = stats.gaussian_kde(kernels, bw_method=_scott(x, kernels))(points[inside])
    return Density(points, values)


def _scott(x: Floats, kernels: Floats) -> float:
    """Return Scott's factor for all of `x`, in units of the standard deviation of the kernels that represent it."""
    return float(x.size ** (-1 / 5) * x.std(ddof=1) / kernels.std(ddof=1))


def _spike(points: Floats, length: float) -> Floats:
    values = np.zeros_like(points)
    step = float(points[1] - points[0]) if points.size > 1 else 1.0
    values[int(np.abs(points - length).argmin())] = 1 / step if step > 0 else 1.0
    return values
