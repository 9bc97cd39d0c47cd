"""Coefficients of agreement: their values by NLTK, their intervals by a bootstrap of confusion tables.

Sources: Cohen (1968) for κ with quadratic weights; Krippendorff (2004) for α with nominal, ordinal and interval distance; Efron's
percentile bootstrap, in which whole tasks are drawn. A resample is a table of counts, so that the coefficients of all resamples are
a few operations on arrays; a test holds them against NLTK's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Distance = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2_000
_FEWEST_RESAMPLES = 500
_DRAWS = 40_000_000
_DRAWS_AT_ONCE = 4_000_000
_FEWEST_UNITS = 3


def alpha(grades: Floats, distance: Distance) -> float | None:
    """Return Krippendorff's α of grades (answers, graders), NaN where there is none; None if all grades are equal or none pair up.

    NLTK knows the nominal and the interval distance. The ordinal one depends on how often each grade occurs, so it is handed
    over as a function of two grades.
    """
    from nltk.metrics.agreement import AnnotationTask

    paired = grades[(~np.isnan(grades)).sum(axis=1) > 1]
    values = np.unique(paired[~np.isnan(paired)])
    if values.size < 2:
        return None
    triples = [
        (grader, answer, float(grade))
        for answer, row in enumerate(paired)
        for grader, grade in enumerate(row)
        if not np.isnan(grade)
    ]
    return float(AnnotationTask(triples, distance=_distance(paired, values, distance)).alpha())


def quadratic_kappa(a: Floats, b: Floats) -> float | None:
    """Return Cohen's κ with quadratic weights of two graders (answers,); None without answers or if both give only one grade."""
    from nltk.metrics.agreement import AnnotationTask

    if a.size == 0 or np.unique(np.concatenate([a, b])).size < 2:
        return None
    triples = [(name, i, float(grade)) for name, grades in (("a", a), ("b", b)) for i, grade in enumerate(grades)]
    task = AnnotationTask(triples, distance=_squared)
    return float(task.weighted_kappa_pairwise("a", "b"))


def _squared(x: float, y: float) -> float:
    return (x - y) ** 2


def _distance(grades: Floats, values: Floats, distance: Distance) -> Callable[[float, float], float]:
    if distance == "interval":
        return _squared
    if distance == "nominal":
        return lambda x, y: float(x != y)
    counts = np.asarray([(grades == value).sum() for value in values], dtype=np.float64)
    middles = dict(zip(values.tolist(), (np.cumsum(counts) - counts / 2).tolist(), strict=True))
    return lambda x, y: (middles[x] - middles[y]) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What the coefficients need of the answers of each unit, for `values` (v,), the grades that occur, ascending.

    `tables` (units, v, v) counts pairs of grades (of a, of b), `coincidences` (units, v, v) those within an answer in both orders,
    weighted by 1 / (grades − 1) as Krippendorff has it.
    """

    values: Floats
    tables: Floats
    coincidences: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """One value per table, each of shape (tables,); NaN where a coefficient cannot be computed."""

    exact: Floats
    within_one: Floats
    kappa: Floats
    alpha: Floats
    mean_difference: Floats


def coefficients(values: Floats, tables: Floats, coincidences: Floats) -> Coefficients:
    """Return the coefficients of tables (tables, v, v) and of coincidences of the same shape; α has the ordinal distance."""
    gaps = values[None, :] - values[:, None]
    total = tables.sum(axis=(1, 2))

    def share(weights: Floats) -> Floats:
        return _ratio((tables * weights).sum(axis=(1, 2)), total)

    expected = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    observed = (tables * gaps**2).sum(axis=(1, 2))
    kappa = 1 - _ratio(observed * total, (expected * gaps**2).sum(axis=(1, 2)))
    return Coefficients(
        exact=share((gaps == 0).astype(np.float64)),
        within_one=share((np.abs(gaps) <= 1).astype(np.float64)),
        kappa=kappa,
        alpha=_ordinal_alphas(coincidences),
        mean_difference=share(gaps),
    )


def intervals(counts: Counts) -> dict[str, tuple[float, float] | None]:
    """Return the 95 % interval of every field of `Coefficients`, from resamples of units; None below three units."""
    names = ("exact", "within_one", "kappa", "alpha", "mean_difference")
    if len(counts.tables) < _FEWEST_UNITS:
        return dict.fromkeys(names)
    parts = [coefficients(counts.values, *drawn) for drawn in _resamples(counts)]
    return {name: _percentiles(np.concatenate([getattr(part, name) for part in parts])) for name in names}


def _resamples(counts: Counts) -> Iterator[tuple[Floats, Floats]]:
    """Yield blocks of resampled tables and coincidences, each unit as often as it is drawn (seed 0)."""
    units, size = len(counts.tables), counts.values.size
    rows = max(_FEWEST_RESAMPLES, min(RESAMPLES, _DRAWS // units))
    random = np.random.default_rng(0)
    flat = (counts.tables.reshape(units, -1), counts.coincidences.reshape(units, -1))
    step = max(1, _DRAWS_AT_ONCE // units)
    for start in range(0, rows, step):
        drawn = random.multinomial(units, np.full(units, 1 / units), size=min(step, rows - start)).astype(np.float64)
        tables, coincidences = ((drawn @ part).reshape(-1, size, size) for part in flat)
        yield tables, coincidences


def _ordinal_alphas(coincidences: Floats) -> Floats:
    totals = coincidences.sum(axis=2)
    middles = np.cumsum(totals, axis=1) - totals / 2
    distance = (middles[:, :, None] - middles[:, None, :]) ** 2
    observed = (coincidences * distance).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2))
    return np.asarray(1 - (totals.sum(axis=1) - 1) * _ratio(observed, expected))


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))


def _percentiles(drawn: Floats) -> tuple[float, float] | None:
    known = drawn[~np.isnan(drawn)]
    if not known.size:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
