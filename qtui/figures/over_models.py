"""Figures over models: change of length and change of score, one point per model, with a sentence on what they show."""

from dataclasses import dataclass

from qtui.figures.pair import Interval


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's r over `n` models. Each is None if it cannot be computed; the interval needs four models not in perfect order."""

    n: int
    r: float | None
    interval95: Interval | None
    p: float | None


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """`length_before` is the mean stripped length of the baseline's answers in characters, `length_change` a share of it.

    `score_change` is in grades, None if no judge graded both sides.
    """

    run_id: int
    model: str
    candidate: str
    length_before: float
    length_change: float
    score_change: float | None


@dataclass(frozen=True, slots=True)
class OverModels:
    """The points, the source of the scores, the correlations, and a sentence on each."""

    points: tuple[ModelPoint, ...]
    scores_by: str
    """The judge, or the study; empty if there are no scores."""
    length_and_change: RankCorrelation
    change_and_score: RankCorrelation
    sentences: tuple[str, str]
    """On the length before and its change, then on the change of length and of score."""
