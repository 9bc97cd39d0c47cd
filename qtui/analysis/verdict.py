"""The verdict on a comparison of baseline and candidate, as a name and a sentence, and the guards that are checked before it.

The rule looks at the 90 % interval [L, U] of the paired difference and a margin Δ that was fixed before grading, and never
at whether a p value is above 0.05: not finding a difference is not finding equality. Each claim is a one-sided test at 5 %
(Schuirmann 1987, two one-sided tests; Walker & Nowacki 2011 for intervals), so each claim that is false is made at most 5
times of 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.figures.rounding import significant
from qtui.figures.scores import FIVE_POINTS, MARGIN, Bounds
from qtui.format import signed

VerdictName = Literal[
    "equivalent", "higher", "not_worse", "worse", "lower", "inconclusive", "guarded", "ungraded"
]  # fmt: skip
GuardKind = Literal[
    "confounded",
    "different judges",
    "baseline unhealthy",
    "candidate unhealthy",
    "too few tasks",
    "floor",
    "ceiling",
    "no discrimination",
    "no chat template",
]

FEWEST_TASKS = 10
UNHEALTHY_SHARE = 0.05
"""Smallest difference between the shares of empty answers at which one side counts as broken rather than worse."""
END_OF_SCALE_SHARE = 0.5
"""Smallest share of the baseline's answers at one end of the scale at which the judge has a floor or a ceiling.

An answer with the lowest grade cannot get a lower one. With a share f of such answers, a loss common to all answers is measured as
(1 − f) of its size: at one half, a loss of 0.4 grades is measured as 0.2, the margin. That is more than any model of the 2024 study
lost (0.36 at most), so "equivalent within ±0.2" would exclude no loss that was ever measured. (Terwee et al. 2007 put the floor of
a questionnaire at 0.15, because telling persons apart needs more of the scale.)
"""
SAME_GRADE_SHARE = 0.9
"""Smallest share of one grade among a judge's grades of both sides at which the judge does not discriminate between answers.

Two answers drawn at random then have the same grade 4 times of 5 (0.9² = 0.81) whatever they say. The interval is narrow and lies
around 0 by the judge's habit, so "equivalent" would be a statement about the judge. A judge that works is far from it: in the
regradings of the 2024 study (Command R+ on CALM2), 36 % of the grades are the most frequent one.
"""
CLAIMS_NO_LOSS = ("equivalent", "not_worse")
_NO_LOSS_SHOWN = "this judge cannot show a loss here"


@dataclass(frozen=True, slots=True)
class Guard:
    """A reason not to trust a verdict; `str()` is how JSON and screens show it."""

    kind: GuardKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


def decide(interval90: tuple[float, float], margin: float = MARGIN) -> VerdictName:
    """Return the first match: L>−Δ and U<Δ equivalent · L>0 higher · L>−Δ not_worse · U<−Δ worse · U<0 lower · inconclusive."""
    low, high = interval90
    if low > -margin and high < margin:
        return "equivalent"
    if low > 0:
        return "higher"
    if low > -margin:
        return "not_worse"
    if high < -margin:
        return "worse"
    return "lower" if high < 0 else "inconclusive"


def claim_p(name: VerdictName, difference: float, se: float, df: float, margin: float = MARGIN) -> float:
    """Return the one-sided p value of the verdict's claim, for Holm's adjustment over comparisons; 1 if it claims nothing.

    equivalent: the larger of the two one-sided tests against ±Δ; higher and lower: against 0; not_worse and worse: against −Δ.
    """

    def above(bound: float) -> float:
        return _upper_tail(difference - bound, se, df)

    def below(bound: float) -> float:
        return _upper_tail(bound - difference, se, df)

    claims = {
        "equivalent": lambda: max(above(-margin), below(margin)),
        "higher": lambda: above(0.0),
        "not_worse": lambda: above(-margin),
        "worse": lambda: below(-margin),
        "lower": lambda: below(0.0),
    }
    return claims[name]() if name in claims else 1.0


def sentence(
    name: VerdictName,
    interval90: tuple[float, float],
    *,
    n: int,
    tasks_needed: int | None,
    margin: float = MARGIN,
) -> str:
    """Return the verdict of `decide` in one line."""
    low, high = interval90
    between = f"between {signed(low)} and {signed(high)}"
    if name == "inconclusive":
        more = 0 if tasks_needed is None else tasks_needed - n
        return f"inconclusive: {between}" + (f"; needs about {about(more)} more tasks" if more > 0 else "")
    claims = {
        "equivalent": f"equivalent within ±{margin:g}",
        "higher": "higher",
        "not_worse": f"not worse by more than {margin:g}",
        "worse": f"worse by more than {margin:g}",
        "lower": "lower, size unclear",
    }
    return f"{claims[name]}: {between}"


def guarded_sentence(guards: Sequence[Guard], difference: str) -> str:
    """Return `guarded, <reasons>`, followed by the measured difference unless that is empty."""
    return "; ".join([f"guarded, {'; '.join(map(str, guards))}", *([difference] if difference else [])])


def empty_answers_guard(n: int, baseline_empty: int, candidate_empty: int) -> Guard | None:
    """Return a guard if the numbers of empty answers of the two sides differ by 5 % of `n` answers or more."""
    if n == 0 or abs(baseline_empty - candidate_empty) < UNHEALTHY_SHARE * n - 1e-9:
        return None
    if baseline_empty > candidate_empty:
        return Guard(
            "baseline unhealthy", f"{baseline_empty} of {n} answers empty, {candidate_empty} of the candidate's"
        )
    return Guard("candidate unhealthy", f"{candidate_empty} of {n} answers empty, {baseline_empty} of the baseline's")


def few_tasks_guard(n: int) -> Guard | None:
    """Return a guard below ten tasks: Student's interval then rests on an unknown shape of the distribution."""
    return Guard("too few tasks", f"{n}, at least {FEWEST_TASKS} are needed") if n < FEWEST_TASKS else None


def bare_prompt_guard(asked_bare: str) -> Guard | None:
    """Return a guard if a model that seems trained for chat got the bare tasks; `asked_bare` is what shows that it is."""
    return Guard("no chat template", f"the prompts are the bare tasks, but {asked_bare}") if asked_bare else None


def end_of_scale_guard(baseline: npt.NDArray[np.float64], scale: Bounds = FIVE_POINTS) -> Guard | None:
    """Return a guard if half or more of the baseline's grades (answers,) are the lowest (floor) or the highest (ceiling).

    Grades are means over takes. At a floor no loss can be shown, so a claim of no loss (`CLAIMS_NO_LOSS`) is worth little; a
    measured loss or gain stands. At a ceiling only gains cannot be shown, and no verdict depends on those.
    """
    n = int(baseline.size)
    lowest, highest = int((baseline <= scale[0]).sum()), int((baseline >= scale[1]).sum())
    if n and lowest >= END_OF_SCALE_SHARE * n:
        return Guard("floor", f"{lowest} of {n} baseline answers have the lowest grade; {_NO_LOSS_SHOWN}")
    if n and highest >= END_OF_SCALE_SHARE * n:
        return Guard(
            "ceiling", f"{highest} of {n} baseline answers have the highest grade; this judge cannot show a gain here"
        )
    return None


def same_grade_guard(histogram: Sequence[int], lowest: int = FIVE_POINTS[0]) -> Guard | None:
    """Return a guard if nine of ten grades or more are the same, given how many there are of `lowest`, the next, and so on.

    Such a judge shows no difference between answers, so a claim of no loss (`CLAIMS_NO_LOSS`) is no evidence; a measured loss or
    gain stands, because the judge did discriminate there.
    """
    total, most = sum(histogram), max(histogram, default=0)
    if not total or most < SAME_GRADE_SHARE * total - 1e-9:
        return None
    grade = list(histogram).index(most) + lowest
    return Guard("no discrimination", f"{most} of {total} grades are {grade}; this judge does not discriminate here")


def end_of_scale_note(end: Guard) -> str:
    """Return the note on a floor or a ceiling beside a verdict that stands in spite of it."""
    if end.kind == "floor":
        return str(end).replace(_NO_LOSS_SHOWN, "this judge cannot show a loss on these answers")
    return str(end)


def _upper_tail(excess: float, se: float, df: float) -> float:
    if se <= 0:
        return 0.0 if excess > 0 else 1.0
    return float(stats.t.sf(excess / se, df))


def about(tasks: int) -> int:
    """Return the number rounded up to two significant digits, the precision of the estimate."""
    rounded = int(significant(float(tasks), 2) or 0)
    return rounded if rounded >= tasks or tasks < 100 else rounded + 10 ** (int(math.log10(tasks)) - 1)
