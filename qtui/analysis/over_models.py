"""Across models: do longer answers shrink more, and does a change of length go with a change of score?

A few models from even fewer families prove little, so every correlation comes with its interval and a sentence that says so.
Length before and relative change share a term (change is after / before − 1), so chance alone makes them correlate negatively.

Sources: Spearman (1904); interval by Fisher's z with the standard error √((1 + r²/2) / (n − 3)) of Bonett & Wright (2000);
permutation p values, exact up to seven models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.figures.lengths import LengthTable
from qtui.figures.over_models import ModelPoint, OverModels, RankCorrelation
from qtui.figures.published import CANDIDATE, SOURCE, PublishedScore
from qtui.figures.scores import ScoreTable, stretch
from qtui.format import count, p_in_sentence, signed

FEWEST = 4


def over_models(
    lengths: LengthTable,
    scores: ScoreTable | None = None,
    *,
    candidate: str | None = None,
    judge: str | None = None,
    published: Mapping[str, PublishedScore] | None = None,
) -> OverModels:
    """Return one point per run and model: the variant named `candidate`, or the model's first candidate.

    Two candidates of one model are not two observations, so never more than one counts. Changes of score are those of `judge`,
    or of the first judge that graded the pair; guarded pairs keep theirs. If scales differ,
    all are the same part of 1–5. If no pair has any, the study's changes are used for
    models of the same name. `published` maps a model to its figures in the study and its family, which the sentences name.
    """
    published_scores = published or {}
    points = _points(lengths, _differences(scores, judge), candidate)
    first = rank_correlation([p.length_before for p in points], [p.length_change for p in points])
    on_lengths = sentence("length before and relative change", first, _families(points, published_scores))
    scores_by, score = judge or "the first judge of each", "score"
    if all(point.score_change is None for point in points):
        points = tuple(replace(point, score_change=_published_difference(point, published_scores)) for point in points)
        is_published = any(point.score_change is not None for point in points)
        scores_by, score = (SOURCE, "published score") if is_published else ("", "score")
    graded = [p for p in points if p.score_change is not None]
    second = rank_correlation([p.length_change for p in graded], [p.score_change for p in graded])
    on_scores = sentence(f"change of length and change of {score}", second, _families(graded, published_scores))
    return OverModels(points, scores_by, first, second, (on_lengths, on_scores))


def rank_correlation(x: Sequence[float | None], y: Sequence[float | None]) -> RankCorrelation:
    """Spearman's correlation of two equally long sequences without None, with a 95 % interval and a permutation p value."""
    a, b = (stats.rankdata(np.asarray(values, dtype=np.float64)) for values in (x, y))
    n = int(a.size)
    if n < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return RankCorrelation(n, None, None, None)
    r = float(np.corrcoef(a, b)[0, 1])
    return RankCorrelation(n, r, _interval(r, n), _permutation_p(a, b))


def sentence(subject: str, correlation: RankCorrelation, families: int | None) -> str:
    """Return a sentence on what the correlation of `subject` shows, given how few models it is over."""
    models = count(correlation.n, "model")
    if families:
        models += f" from {families} famil{'y' if families == 1 else 'ies'}"
    if correlation.r is None or correlation.p is None or correlation.n < FEWEST:
        return f"{subject}: {models}, too few to draw a conclusion"
    if correlation.interval95 is None:
        between = "in perfect order"
    else:
        between = f"95 % between {signed(correlation.interval95[0])} and {signed(correlation.interval95[1])}"
    lead = f"{subject}: Spearman {signed(correlation.r)} over {models} ({between}, {p_in_sentence(correlation.p)})"
    if correlation.p < 0.05:
        return (
            f"{lead}; these models show a relation; test it on others, because models of one family are not independent"
        )
    return f"{lead}; too few models to show a relation or to rule out a strong one"


def _points(
    lengths: LengthTable, differences: Mapping[tuple[int, str, str], float], candidate: str | None
) -> tuple[ModelPoint, ...]:
    before = {(row.run_id, row.model, row.variant): row.stripped.mean for row in lengths.variants}
    points: dict[tuple[int, str], ModelPoint] = {}
    for pair in lengths.pairs:
        is_chosen = pair.role == "candidate" if candidate is None else pair.candidate == candidate
        change, length = pair.stripped.rel_change_mean, before[pair.run_id, pair.model, pair.baseline]
        if not is_chosen or change is None or length is None or (pair.run_id, pair.model) in points:
            continue
        score = differences.get((pair.run_id, pair.model, pair.candidate))
        points[pair.run_id, pair.model] = ModelPoint(
            run_id=pair.run_id,
            model=pair.model,
            candidate=pair.candidate,
            length_before=length,
            length_change=change,
            score_change=score,
        )
    return tuple(points.values())


def _differences(scores: ScoreTable | None, judge: str | None) -> dict[tuple[int, str, str], float]:
    by_candidate: dict[tuple[int, str, str], float] = {}
    rows = [
        row for row in (scores.pairs if scores else ()) if row.difference is not None and judge in (None, row.judge)
    ]
    scales_differ = len({row.scale for row in rows}) > 1
    for row in rows:
        difference = (row.difference or 0.0) / (stretch(row.scale) if scales_differ else 1.0)
        by_candidate.setdefault((row.run_id, row.model, row.candidate), difference)
    return by_candidate


def _families(points: Sequence[ModelPoint], published_scores: Mapping[str, PublishedScore]) -> int | None:
    """Return the number of model families; None if the family of any model is unknown."""
    families = [published_scores[point.model].family if point.model in published_scores else "" for point in points]
    return len(set(families)) if families and all(families) else None


def _published_difference(point: ModelPoint, published_scores: Mapping[str, PublishedScore]) -> float | None:
    score = published_scores.get(point.model)
    return score.difference if score is not None and point.candidate == CANDIDATE else None


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
