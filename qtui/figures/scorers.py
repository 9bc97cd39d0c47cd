"""Scores of candidates against their baselines under the scorers: a row per pair, scorer and group of tasks.

Scores are 0 to 1; a difference is candidate − baseline. A figure that could not be computed is None.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from qtui.figures.pair import Interval, PairFigures
from qtui.figures.rounding import Decimals, Significant

GroupKind = Literal["all", "task set", "category"]
Value = Annotated[float | None, Decimals(6)]
ValueInterval = Annotated[Interval | None, Decimals(6)]
PValue = Annotated[float | None, Significant(6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerRow(PairFigures):
    """A pair under one scorer over all its tasks, or over those of one task set or category.

    `n` tasks are scored on both sides; `unscored` tasks that both answered are not. `verdict` and `rule` are as in `ScoreRow`.
    """

    scorer: str
    kind: str
    group_kind: GroupKind
    group: str
    """Name of the task set or category; empty for all tasks."""
    n: int
    answered: int
    unscored: int
    is_binary: bool
    """Whether every score is 0 or 1, so that the mean is an accuracy."""
    baseline_mean: Value
    candidate_mean: Value
    difference: Value
    interval90: ValueInterval
    interval95: ValueInterval
    interval_method: str
    wins: int
    ties: int
    losses: int
    right_to_wrong: int | None
    """Tasks that the baseline has right and the candidate wrong; None if scores are not binary."""
    wrong_to_right: int | None
    mcnemar_p: PValue
    """Exact McNemar test (with several samples: sign test over tasks); None if scores are not binary."""
    recovery: Value
    """Mean of the candidate divided by that of the baseline."""
    recovery_interval90: ValueInterval
    recovery_interval95: ValueInterval
    recovery_method: str
    """How the intervals of recovery are computed, or why there is none."""
    verdict: str
    verdict_text: str
    rule: str | None
    guards: tuple[str, ...]
    notes: tuple[str, ...]
    margin: float
    claim_p: PValue = None
    claim_p_holm: PValue = None
    comparisons: int = 1
    tasks_needed: int | None = None
    role: str = "candidate"


@dataclass(frozen=True, slots=True)
class ScorerTable:
    """All rows, and notes for the reader."""

    rows: tuple[ScorerRow, ...]
    notes: tuple[str, ...] = ()
