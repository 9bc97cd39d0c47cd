"""The win rate of a candidate with its interval, and the p value of a claim about it.

Takes and samples are averaged first. One comparison per task, each a win, a loss or a tie: the interval is half that of the
difference of two paired proportions, (wins − losses) / n (Tango 1998), which is wide where few tasks have a preference. Otherwise
it is Student's over tasks, its standard error clustered by unit (see `units`), within 0 and 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qtui.analysis import scores
from qtui.analysis.pairing import Pair
from qtui.analysis.scorers import paired_proportions
from qtui.analysis.scorers.claims import claim_p as claim_p_of_counts
from qtui.analysis.scorers.paired_proportions import PairedCounts
from qtui.analysis.verdict import VerdictName
from qtui.analysis.verdict import claim_p as claim_p_of_student
from qtui.figures.preferences import EVEN

Floats = npt.NDArray[np.float64]
COUNTS = "half the score interval of paired proportions (Tango 1998)"
STUDENT = "Student's interval over tasks, clustered by unit"


@dataclass(frozen=True, slots=True)
class WinRate:
    """`result` is of the win rate against one half, so that its difference is win rate − 0.5."""

    result: scores.PairedScores
    counts: PairedCounts | None
    """Wins (`gained`), losses (`lost`) and ties (`neither`) where these decide the interval, else None."""

    @property
    def rate(self) -> float | None:
        return None if self.result.difference is None else EVEN + self.result.difference

    @property
    def method(self) -> str:
        return STUDENT if self.counts is None else COUNTS

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the interval of the win rate at 0.90 or 0.95."""
        if self.counts is not None:
            found = paired_proportions.difference_interval(self.counts, level)
            return None if found is None else (EVEN + found[0] / 2, EVEN + found[1] / 2)
        of_difference = self.result.interval90 if level == 0.90 else self.result.interval95
        if of_difference is None:
            return None
        return max(0.0, EVEN + of_difference[0]), min(1.0, EVEN + of_difference[1])

    def claim_p(self, rule: VerdictName, margin: float) -> float | None:
        """Return the one-sided p value of a verdict's claim about the win rate."""
        if self.counts is not None:
            return claim_p_of_counts(rule, self.result, self.counts, 2 * margin)
        result = self.result
        if result.se is None or result.difference is None or result.df is None:
            return None
        return claim_p_of_student(rule, result.difference, result.se, result.df, margin)

    def tasks_needed(self, margin: float) -> int | None:
        """Return from how many tasks every result is decided at the margin."""
        if self.counts is not None and self.counts.gained == self.counts.lost == 0:
            return paired_proportions.tasks_needed_unchanged(0.90, 2 * margin)
        return self.result.tasks_needed if self.result.sd else None


def win_rate(compared: Pair, margin: float) -> WinRate:
    """Return the win rate over the answers of a pair with the columns `win_b` and `win_c`."""
    _, wins = compared.by_task("win")
    result = scores.paired(np.full_like(wins, EVEN), wins, margin=margin, units=compared.units)
    return WinRate(result, _counts(wins, compared))


def _counts(wins: Floats, compared: Pair) -> PairedCounts | None:
    """Return the counts if every task is its own unit and has one outcome, or if no unit has any preference; else None."""
    if not wins.size:
        return None
    if (wins == EVEN).all():
        return PairedCounts(0, 0, 0, compared.unit_count)
    if compared.units is not None or not np.isin(wins, (0.0, EVEN, 1.0)).all():
        return None
    return PairedCounts(0, int((wins == 0).sum()), int((wins == 1).sum()), int((wins == EVEN).sum()))
