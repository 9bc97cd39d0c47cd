"""The shape of a length distribution, by the names that the 2024 study gave to its violins.

The thresholds were fitted to the study's own labels of a handful of models and are a way of naming pictures, not a law; that is why
every shape comes with its stability: the share of bootstrap resamples of the answers that earn the same name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Shape = Literal["no-clear-peak", "slime", "pot", "flask", "unclassified"]

SHAPES: tuple[Shape, ...] = ("no-clear-peak", "slime", "pot", "flask", "unclassified")
JAPANESE: Mapping[Shape, str] = {"slime": "つぶれ型", "pot": "つぼ型", "flask": "フラスコ型"}
CAVEAT = "shape thresholds were fitted to the labels of the 2024 study"

RESAMPLES = 2_000
_FEWEST_RESAMPLES = 200
_DRAWS = 4_000_000


@dataclass(frozen=True, slots=True)
class ShapeStability:
    """A shape, the share of resamples that agree with it (0–1), and the share that each shape got. None without answers."""

    shape: Shape | None
    stability: float | None
    shares: Mapping[Shape, float]


def classify(lengths: npt.ArrayLike) -> Shape | None:
    """Name the distribution of raw lengths; first match wins, None without answers.

    no-clear-peak: P(<100) ≥ .25 and P(≥800) ≥ .10 · slime: median < 80 · pot: median ≥ 180 and P(≥300) ≥ .30 ·
    flask: P(<500) ≥ .90 · else unclassified.
    """
    x = np.asarray(lengths, dtype=np.float64)
    return SHAPES[int(_classify_rows(x[None, :])[0])] if x.size else None


def stability(lengths: npt.ArrayLike) -> ShapeStability:
    """Classify, then classify 2,000 resamples of the answers (seed 0; fewer, at least 200, above 2,000 answers)."""
    x = np.asarray(lengths, dtype=np.float64)
    shape = classify(x)
    if shape is None:
        return ShapeStability(None, None, {})
    n = int(x.size)
    rows = max(_FEWEST_RESAMPLES, min(RESAMPLES, _DRAWS // n))
    found = _classify_rows(x[np.random.default_rng(0).integers(0, n, (rows, n))])
    counts = np.bincount(found, minlength=len(SHAPES))
    shares = {name: float(count) / rows for name, count in zip(SHAPES, counts, strict=True) if count}
    return ShapeStability(shape, shares.get(shape, 0.0), shares)


def _classify_rows(x: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Index into SHAPES for every row of (rows, answers)."""
    median = np.median(x, axis=1)
    spread = ((x < 100).mean(axis=1) >= 0.25) & ((x >= 800).mean(axis=1) >= 0.10)
    pot = (median >= 180) & ((x >= 300).mean(axis=1) >= 0.30)
    flask = (x < 500).mean(axis=1) >= 0.90
    return np.select([spread, median < 80, pot, flask], [0, 1, 2, 3], default=4).astype(np.intp)
