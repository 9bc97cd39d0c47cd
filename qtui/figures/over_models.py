"""Over models: change of length against change of score, one point per model, with what so few of them prove."""

from dataclasses import dataclass

from qtui.figures.pair import Interval


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's r over `n` models. None where it, its interval (four models, not all in order) or its p cannot be computed."""

    n: int
    r: float | None
    interval95: Interval | None
    p: float | None


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """`length_before` is the mean stripped length of the baseline's answers in characters, `length_change` a share of it.

    `score_change` is in grades, None where nobody graded both sides.
    """

    run_id: int
    model: str
    candidate: str
    length_before: float
    length_change: float
    score_change: float | None


@dataclass(frozen=True, slots=True)
class OverModels:
    """The points, who the scores are from, the correlations, and the sentence that each of them earns."""

    points: tuple[ModelPoint, ...]
    scores_by: str
    """The judge, or the study; empty where there are no scores at all."""
    length_and_change: RankCorrelation
    change_and_score: RankCorrelation
    sentences: tuple[str, str]
    """On the length before and its change, then on the change of length and of score."""
