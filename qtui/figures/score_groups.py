"""Scores by task set or category: a row per pair, judge and group, as `qtui scores --by` prints it.

Scores are grades of the judge's scale; a difference is candidate − baseline. A figure that could not be computed is None.
"""

from dataclasses import dataclass

from qtui.figures.scores import PValue, Score, ScoreInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A pair under one judge over the tasks of one group. Its fields are those of `ScoreRow`."""

    run_id: int
    experiment: str
    model: str
    baseline: str
    candidate: str
    role: str
    judge: str | None
    group: str
    """The name of the task set or category; empty for tasks without one."""
    n: int
    baseline_mean: Score
    candidate_mean: Score
    difference: Score
    interval90: ScoreInterval
    verdict: str
    verdict_text: str
    claim_p: PValue = None
    claim_p_holm: PValue = None
    """Adjusted over all groups and pairs of one run and judge, which are one family of tests."""
    comparisons: int = 1
    """The number of tests in that family."""


@dataclass(frozen=True, slots=True)
class GroupTable:
    """All rows by run, judge, pair and group, and notes for the reader."""

    by: str
    """`set` or `category`."""
    rows: tuple[GroupRow, ...]
    margin: float
    notes: tuple[str, ...]
