"""Across models: do longer answers shrink more, and does a change of length go with a change of score?

A handful of models from fewer families cannot carry much, so every correlation comes with its interval and a sentence that says so.
Length before and relative change share a term (change is after / before − 1): chance alone makes them correlate negatively.

Sources: Spearman (1904); interval by Fisher's z with the standard error √((1 + r²/2) / (n − 3)) of Bonett & Wright (2000);
permutation p values, exact up to seven models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.length_table import LengthTable
from qtui.analysis.rounding import decimals, interval, p_text, signed, significant
from qtui.analysis.score_table import ScoreTable

FEWEST = 4


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's r over `n` models. None where it, its interval (four models, not all in order) or its p cannot be computed."""

    n: int
    r: float | None
    interval95: tuple[float, float] | None
    p: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "spearman": decimals(self.r, 4),
            "interval95": interval(self.interval95, 4),
            "p": significant(self.p, 4),
        }


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """One model: mean stripped length of its baseline, relative change of the mean, score difference (None: ungraded)."""

    experiment: Any
    model: str
    family: str | None
    candidate: str
    length_before: float
    relative_change: float
    score_difference: float | None


@dataclass(frozen=True, slots=True)
class OverModels:
    """The points, both correlations, and the sentence that each of them earns."""

    points: tuple[ModelPoint, ...]
    length_and_change: RankCorrelation
    change_and_score: RankCorrelation
    length_and_change_text: str
    change_and_score_text: str

    def to_json(self) -> dict[str, Any]:
        return {
            "points": [
                {
                    "experiment": p.experiment,
                    "model": p.model,
                    "family": p.family,
                    "candidate": p.candidate,
                    "length_before": decimals(p.length_before, 2),
                    "relative_change": decimals(p.relative_change, 4),
                    "score_difference": decimals(p.score_difference, 6),
                }
                for p in self.points
            ],
            "length_and_change": self.length_and_change.to_json() | {"text": self.length_and_change_text},
            "change_and_score": self.change_and_score.to_json() | {"text": self.change_and_score_text},
        }


def over_models(
    lengths: LengthTable,
    scores: ScoreTable | None = None,
    *,
    candidate: str | None = None,
    judge: str | None = None,
    families: Mapping[str, str] | None = None,
) -> OverModels:
    """One point per experiment and model: the variant of that name, or its first candidate.

    Two candidates of one model are not two observations, so never more than one counts. Score differences are those of
    `judge`, or of the first judge that graded the pair; guarded pairs keep theirs. `families` maps a model to its family, for
    the sentence.
    """
    of = families or {}
    differences = _differences(scores, judge)
    points: dict[tuple[Any, str], ModelPoint] = {}
    before = {(v.experiment, v.model, v.variant): v.stripped.mean for v in lengths.variants}
    for pair in lengths.pairs:
        wanted = pair.role == "candidate" if candidate is None else pair.candidate == candidate
        change, length = pair.stripped.rel_change_mean, before[pair.experiment, pair.model, pair.baseline]
        if not wanted or change is None or length is None or (pair.experiment, pair.model) in points:
            continue
        score = differences.get((pair.experiment, pair.model, pair.candidate))
        points[pair.experiment, pair.model] = ModelPoint(
            pair.experiment, pair.model, of.get(pair.model), pair.candidate, length, change, score
        )
    found = tuple(points.values())
    graded = [p for p in found if p.score_difference is not None]
    first = rank_correlation([p.length_before for p in found], [p.relative_change for p in found])
    second = rank_correlation([p.relative_change for p in graded], [p.score_difference for p in graded])
    return OverModels(
        found,
        first,
        second,
        sentence("length before and relative change", first, _families(found)),
        sentence("change of length and change of score", second, _families(graded)),
    )


def rank_correlation(x: Sequence[float | None], y: Sequence[float | None]) -> RankCorrelation:
    """Spearman's correlation of two equally long sequences without None, with a 95 % interval and a permutation p value."""
    a, b = (stats.rankdata(np.asarray(values, dtype=np.float64)) for values in (x, y))
    n = int(a.size)
    if n < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return RankCorrelation(n, None, None, None)
    r = float(np.corrcoef(a, b)[0, 1])
    return RankCorrelation(n, r, _interval(r, n), _permutation_p(a, b))


def sentence(what: str, found: RankCorrelation, families: int | None) -> str:
    """What so many models prove about `what`, in plain English."""
    models = f"{found.n} model{'' if found.n == 1 else 's'}"
    if families:
        models += f" from {families} famil{'y' if families == 1 else 'ies'}"
    if found.r is None or found.p is None or found.n < FEWEST:
        return f"{what}: {models}, too few to say anything"
    if found.interval95 is None:
        between = "in perfect order"
    else:
        between = f"95 % between {signed(found.interval95[0])} and {signed(found.interval95[1])}"
    lead = f"{what}: Spearman {signed(found.r)} over {models} ({between}, {p_text(found.p)})"
    if found.p < 0.05:
        return f"{lead}; a relation among these, and a reason to test others: models of one family are not independent"
    return f"{lead}; so few neither show a relation nor rule out a strong one"


def _differences(scores: ScoreTable | None, judge: str | None) -> dict[tuple[Any, str, str], float]:
    found: dict[tuple[Any, str, str], float] = {}
    for row in scores.pairs if scores else ():
        if row.scores.difference is not None and judge in (None, row.judge):
            found.setdefault((row.experiment, row.model, row.candidate), row.scores.difference)
    return found


def _families(points: Sequence[ModelPoint]) -> int | None:
    named = {point.family for point in points if point.family}
    return len(named) if named and all(point.family for point in points) else None


def _interval(r: float, n: int) -> tuple[float, float] | None:
    if n < FEWEST or abs(r) > 1 - 1e-12:
        return None
    half = float(stats.norm.ppf(0.975)) * np.sqrt((1 + r * r / 2) / (n - 3))
    z = float(np.arctanh(r))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _permutation_p(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    def statistic(order: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
        return np.asarray((order * b).sum(axis=axis))

    result = stats.permutation_test(
        (a,), statistic, permutation_type="pairings", vectorized=True, n_resamples=9_999, rng=np.random.default_rng(0)
    )
    return float(result.pvalue)
