"""Preferences between a candidate's answers and its baseline's, as `qtui scores --json` prints them.

A win rate is 0 to 1, the candidate's share of the comparisons, ties counting half. A figure that could not be computed is None.
"""

from dataclasses import dataclass
from typing import Annotated

from qtui.figures.pair import Interval, PairFigures
from qtui.figures.rounding import Decimals, Significant

Rate = Annotated[float | None, Decimals(6)]
RateInterval = Annotated[Interval | None, Decimals(6)]
PValue = Annotated[float | None, Significant(6)]
EVEN = 0.5
"""The win rate of two variants of which neither is preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRow(PairFigures):
    """A pair under one judge that compares. A comparison is two answers in both orders, in one take.

    `n` tasks have a comparison; `unjudged` tasks that both answered have none. `verdict` and `rule` are as in `ScoreRow`, about the
    win rate against one half and the margin.
    """

    judge: str
    n: int
    answered: int
    unjudged: int
    units: int
    """Number of independent units: tasks, or conversations, whose turns count as one."""
    takes: int
    judged: int
    """Comparisons that could be read in both orders, those included that needed no judge."""
    unread: int
    """Comparisons in which a reply could not be read: no ties, and no part of any figure."""
    wins: int
    """Comparisons in which the candidate was preferred in both orders."""
    losses: int
    ties: int
    """All others: `equal`, `turned`, `one_order`, and those in which the judge called a tie twice."""
    turned: int
    """The preference turned with the order: the same place was preferred twice."""
    one_order: int
    """Preferred in one order, a tie in the other."""
    equal: int
    """Equal answers, or two empty ones: a tie without asking."""
    win_rate: Rate
    interval90: RateInterval
    interval95: RateInterval
    interval_method: str
    difference: Rate
    """Win rate − 0.5."""
    verdict: str
    verdict_text: str
    rule: str | None
    guards: tuple[str, ...]
    notes: tuple[str, ...]
    margin: float
    sign_p: PValue
    """Exact sign test over units, two-sided."""
    sign_p_holm: PValue = None
    """The same, adjusted over the pairs of the same run and judge."""
    claim_p: PValue = None
    """One-sided p value of the verdict's claim."""
    claim_p_holm: PValue = None
    comparisons: int = 1
    """Pairs of the same run and judge over which p values are adjusted."""
    tasks_needed: int | None = None
    first_preferred: int
    """Replies that prefer the answer shown first."""
    second_preferred: int
    first_share: Rate
    """Share of the replies with a preference that prefer the answer shown first: 0.5 without position bias."""
    position_p: PValue
    """Exact sign test over units of whether one place is preferred more often, two-sided."""
    retest: Rate = None
    """Share of equal choices between two takes of the same question; None below two takes."""
    role: str = "candidate"

    @property
    def asked(self) -> int:
        """Comparisons about answers that differ."""
        return self.judged - self.equal


@dataclass(frozen=True, slots=True)
class PreferenceTable:
    """All rows, and notes for the reader."""

    rows: tuple[PreferenceRow, ...]
    notes: tuple[str, ...] = ()
