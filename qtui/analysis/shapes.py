"""The shape of a length distribution, by the names that the 2024 study gave to its violins.

The thresholds were fitted to the study's labels of a few models and are conventions for naming pictures, not a theory. So every
shape comes with its stability: the share of bootstrap resamples of the answers that get the same name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]
Shape = Literal["no-clear-peak", "slime", "pot", "flask", "unclassified"]

SHAPES: tuple[Shape, ...] = ("no-clear-peak", "slime", "pot", "flask", "unclassified")
CAVEAT = "shape thresholds were fitted to the labels of the 2024 study"

_LIMITS = (80, 100, 180, 300, 500, 800)
_MIDDLES = (80, 180)

RESAMPLES = 2_000
_FEWEST_RESAMPLES = 100
_DRAWS = 4_000_000


@dataclass(frozen=True, slots=True)
class ShapeStability:
    """A shape, the share of resamples that agree with it (0–1), and the share that each shape got. None without answers."""

    shape: Shape | None
    stability: float | None
    shares: Mapping[Shape, float]


def classify(lengths: npt.ArrayLike) -> Shape | None:
    """Return the shape of a distribution of raw lengths: the first match, None without answers.

    no-clear-peak: P(<100) ≥ .25 and P(≥800) ≥ .10 · slime: median < 80 · pot: median ≥ 180 and P(≥300) ≥ .30 ·
    flask: P(<500) ≥ .90 · else unclassified.
    """
    x = np.asarray(lengths, dtype=np.float64)
    if x.size == 0:
        return None
    below = {limit: np.asarray([(x < limit).sum()]) for limit in _LIMITS}
    return SHAPES[int(_name(below, np.median(x, keepdims=True), x.size)[0])]


def stability(lengths: npt.ArrayLike, units: npt.ArrayLike | None = None) -> ShapeStability:
    """Classify, then classify 2,000 resamples of the answers (seed 0; fewer, at least 100, above 2,000 answers).

    Where several answers have the same of `units` (answers,) — samples of a task, turns of a conversation —, whole units are drawn.

    The answers are sorted first, so that their order does not matter, and so that the number of resampled answers below a limit
    is the number of drawn positions below one position: a look-up instead of a pass over all draws.
    """
    x = np.sort(np.asarray(lengths, dtype=np.float64))
    shape = classify(x)
    if shape is None:
        return ShapeStability(None, None, {})
    if units is not None and np.unique(np.asarray(units)).size < x.size:
        names = _names_of_unit_draws(np.asarray(lengths, dtype=np.float64), np.asarray(units))
    else:
        drawn, before = resamples(int(x.size))
        below = {limit: before[:, np.searchsorted(x, limit)] for limit in _LIMITS}
        names = _name(below, _medians(x, drawn, below), x.size)
    counts = np.bincount(names, minlength=len(SHAPES))
    shares = {name: float(count) / names.size for name, count in zip(SHAPES, counts, strict=True) if count}
    return ShapeStability(shape, shares.get(shape, 0.0), shares)


def _names_of_unit_draws(x: npt.NDArray[np.float64], units: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the index into SHAPES of resamples of whole units."""
    _, index = np.unique(units, return_inverse=True)
    members = np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])
    rows = max(_FEWEST_RESAMPLES, min(RESAMPLES, _DRAWS // x.size))
    drawn = np.random.default_rng(0).integers(0, len(members), (rows, len(members)))
    shapes = (classify(x[np.concatenate([members[unit] for unit in row])]) for row in drawn)
    return np.asarray([SHAPES.index(shape) for shape in shapes if shape is not None], dtype=np.intp)


def _name(below: Mapping[int, Counts], median: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.intp]:
    """Return the index into SHAPES for each resample, from its median and its numbers of answers below each limit."""
    # Shares are compared as the reference did, one division each, so that 90 of 100 is 0.9 on both sides.
    spread = (below[100] / n >= 0.25) & ((n - below[800]) / n >= 0.10)
    pot = (median >= _MIDDLES[1]) & ((n - below[300]) / n >= 0.30)
    flask = below[500] / n >= 0.90
    return np.select([spread, median < _MIDDLES[0], pot, flask], [0, 1, 2, 3], default=4).astype(np.intp)


def _medians(
    x: npt.NDArray[np.float64], drawn: npt.NDArray[np.int32], below: Mapping[int, Counts]
) -> npt.NDArray[np.float64]:
    """Return a value on the same side of 80 and of 180 as each resample's median; exact only if the middle two straddle one."""
    half = x.size / 2
    above = (below[_MIDDLES[0]] < half).astype(np.intp) + (below[_MIDDLES[1]] < half)
    medians = np.asarray([0.0, _MIDDLES[0], _MIDDLES[1]])[above]
    tied = (below[_MIDDLES[0]] == half) | (below[_MIDDLES[1]] == half)
    if tied.any():
        medians[tied] = np.median(x[drawn[tied]], axis=1)
    return medians


@lru_cache(maxsize=2)
def resamples(n: int) -> tuple[npt.NDArray[np.int32], Counts]:
    """Drawn positions (resamples, n), and for each position p how many of a resample's draws lie below it (resamples, n + 1)."""
    rows = max(_FEWEST_RESAMPLES, min(RESAMPLES, _DRAWS // n))
    drawn = np.random.default_rng(0).integers(0, n, (rows, n)).astype(np.int32)
    before = np.zeros((rows, n + 1), dtype=np.int32)
    for row, draws in enumerate(drawn):
        before[row, 1:] = np.cumsum(np.bincount(draws, minlength=n))
    return drawn, before
