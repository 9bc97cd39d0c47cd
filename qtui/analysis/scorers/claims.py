"""What may be claimed of a pair under a scorer: guards, the verdict in words, and the p value of its claim.

The rule is that of grades (`qtui.analysis.verdict`), in points of 100.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis import scores
from qtui.analysis import verdict as verdicts
from qtui.analysis.scorers import paired_proportions
from qtui.analysis.scorers.paired_proportions import PairedCounts
from qtui.analysis.verdict import Guard, VerdictName
from qtui.format import signed

Floats = npt.NDArray[np.float64]
STUDENT = "Student's interval of the paired differences"
FLOOR_SHARE = 0.95
"""Smallest share of baseline scores of 0 at which no loss can be shown: at most 5 points of 100 are there to be lost."""


def guards_of(answers: pd.DataFrame, b: Floats, rule: VerdictName | None) -> tuple[Guard, ...]:
    """Return the reasons against a verdict that lie in the answers and in the baseline's scores (tasks,)."""
    n = int(b.size)
    empty_b, empty_c = (int(answers[f"empty_{side}"].sum()) for side in "bc")
    wrong = int((b == 0).sum())
    floor = (
        Guard("floor", f"{wrong} of {n} tasks have a baseline score of 0; there is no loss to show here")
        if n and wrong >= FLOOR_SHARE * n and rule in verdicts.CLAIMS_NO_LOSS
        else None
    )
    others = (
        floor,
        verdicts.empty_answers_guard(len(answers), empty_b, empty_c),
        verdicts.few_tasks_guard(n) if n else None,
    )
    return tuple(guard for guard in others if guard is not None)


def tasks_needed(result: scores.PairedScores, counts: PairedCounts | None, margin: float) -> int | None:
    if counts is not None and counts.gained == counts.lost == 0:
        return paired_proportions.tasks_needed_unchanged(0.90, margin)
    return result.tasks_needed if result.sd else None


def conclude(
    result: scores.PairedScores,
    interval90: tuple[float, float] | None,
    rule: VerdictName | None,
    guards: tuple[Guard, ...],
    *,
    margin: float,
    answered: int,
    needed: int | None,
) -> tuple[VerdictName, str]:
    if result.n == 0:
        return "ungraded", f"unscored: both sides are scored in none of {answered} tasks"
    if guards or rule is None or interval90 is None:
        difference = f"difference {_points(result.difference)}"
        return "guarded", verdicts.guarded_sentence(guards, difference)
    between = f"between {_points(interval90[0])} and {_points(interval90[1])} points"
    if rule == "inconclusive":
        more = 0 if needed is None else needed - result.n
        return rule, f"inconclusive: {between}" + (
            f"; needs about {verdicts.about(more)} more tasks" if more > 0 else ""
        )
    limit = f"{100 * margin:g} points"
    claims = {
        "equivalent": f"equivalent within ±{limit}",
        "higher": "higher",
        "not_worse": f"not worse by more than {limit}",
        "worse": f"worse by more than {limit}",
        "lower": "lower, size unclear",
    }
    return rule, f"{claims[rule]}: {between}"


def _points(value: float | None) -> str:
    return signed(None if value is None else 100 * value, 1)


def claim_p(rule: VerdictName, result: scores.PairedScores, counts: PairedCounts | None, margin: float) -> float | None:
    if counts is None:
        if result.se is None or result.difference is None:
            return None
        return verdicts.claim_p(rule, result.difference, result.se, result.n - 1, margin)
    claims = {
        "equivalent": lambda: max(
            paired_proportions.p_above(counts, -margin), paired_proportions.p_below(counts, margin)
        ),
        "higher": lambda: paired_proportions.p_above(counts, 0.0),
        "not_worse": lambda: paired_proportions.p_above(counts, -margin),
        "worse": lambda: paired_proportions.p_below(counts, -margin),
        "lower": lambda: paired_proportions.p_below(counts, 0.0),
    }
    return claims[rule]() if rule in claims else 1.0
