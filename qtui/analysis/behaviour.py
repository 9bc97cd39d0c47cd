"""Whether the candidate's behaviour changed, independently of its score and without a judge.

A model can keep its mean grade while its answers become half as long (Swallow-7B of the study: difference 0.00, length −52 %).

- **Primary**, one test per pair: Wilcoxon's signed-rank test on stripped lengths, Holm-adjusted over the pairs of a run. It alone
  decides whether the behaviour changed: an adjusted p value below 0.05.
- **Secondary**, three tests per pair: McNemar's exact test on answers that are shorter than 20 characters, loop, or have new Latin
  words, adjusted by Benjamini and Hochberg over all of them in a run. Those below 0.05 are reported as secondary.

One family of all four tests hid real changes: in the whole study, with 11 pairs, answers that are 46 % shorter (p .004) stood
among 44 tests. The length is primary because every answer has one, and because cut, empty and repeating answers change it too.

Sources: Wilcoxon (1945); McNemar (1947) in its exact binomial form; for the adjustments see `corrections`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from qtui.analysis.corrections import benjamini_hochberg, holm
from qtui.analysis.lengths import sign_test, wilcoxon
from qtui.analysis.pairing import Pair
from qtui.analysis.units import means
from qtui.figures.lengths import FlagChange, McNemar
from qtui.format import MINUS, p_in_sentence

LEVEL = 0.05

BehaviourName = Literal["changed", "no change found"]

McNemarName = Literal["lt20", "loop", "latin_new", "latin_word", "empty", "truncated", "unfinished_thought"]

MCNEMAR: dict[McNemarName, str] = {
    "lt20": "short",
    "loop": "looping",
    "latin_new": "latin_new",
    "latin_word": "latin_word",
    "empty": "empty",
    "truncated": "truncated",
    "unfinished_thought": "unfinished_thought",
}
"""Name in JSON and in the reference figures → column of the flags."""

TESTED: dict[McNemarName, str] = {
    "lt20": "answers shorter than 20 characters",
    "loop": "looping answers",
    "latin_new": "answers with new Latin words",
}

BEHAVIOUR_NOTES = (
    "behaviour: its primary test is the length of paired answers (Wilcoxon), Holm-adjusted over the pairs of a run",
    "flags are secondary (McNemar on short, looping and newly Latin answers), Benjamini–Hochberg-adjusted over all flags of a run",
)
"""For readers of any table with behaviour."""


@dataclass(frozen=True, slots=True)
class PrimaryTest:
    """The test of a pair's lengths: its unadjusted p value (None if it cannot be computed) and the observation in words."""

    p: float | None
    observation: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`name` is None if there are no pairs of answers.

    `p` is that of the primary test; `p_holm` is adjusted over the `comparisons` pairs of the run whose test could be computed.
    `reasons` are the findings in words, secondary ones marked as such.
    """

    name: BehaviourName | None
    reasons: tuple[str, ...]
    p: float | None
    p_holm: float | None
    comparisons: int
    flags: Mapping[str, FlagChange]


def mcnemar(baseline: npt.ArrayLike, candidate: npt.ArrayLike) -> McNemar:
    """Exact McNemar test on flags (tasks,), bool or the share of a task's samples that have the flag.

    With several samples per task it becomes the sign test on the tasks whose share rose or fell, so samples of one task count once;
    in the same way the turns of a conversation.
    """
    b = np.asarray(baseline, dtype=np.float64)
    c = np.asarray(candidate, dtype=np.float64)
    gained, lost = int((c > b).sum()), int((c < b).sum())
    return McNemar(gained, lost, sign_test(gained, lost))


def mcnemar_tests(pair: Pair) -> dict[str, McNemar]:
    """Return the McNemar test of every flag of a pair."""
    return {name: mcnemar(*pair.by_unit(column)) for name, column in MCNEMAR.items()}


def pair_behaviours(pairs: Sequence[Pair]) -> list[Behaviour]:
    """Return the behaviour of every pair, in order. The pairs of one run (of `experiment`) are adjusted together."""
    primary = [length_test(pair) for pair in pairs]
    secondary = [{name: mcnemar(*pair.by_unit(MCNEMAR[name])) for name in TESTED} for pair in pairs]
    families: dict[Any, list[int]] = {}
    for i, pair in enumerate(pairs):
        families.setdefault(pair.experiment, []).append(i)
    concluded: dict[int, Behaviour] = {}
    for family in families.values():
        adjusted = holm([primary[i].p for i in family])
        flags = adjust_flags([secondary[i] for i in family])
        comparisons = sum(p is not None for p in adjusted)
        for i, p_holm, of_pair in zip(family, adjusted, flags, strict=True):
            answered = pairs[i].tasks.size > 0
            concluded[i] = conclude(primary[i], p_holm, comparisons, of_pair, answered=answered)
    return [concluded[i] for i in range(len(pairs))]


def length_test(pair: Pair) -> PrimaryTest:
    """Return the primary test of one pair, unadjusted: Wilcoxon on stripped lengths, means over the samples and turns of a unit."""
    baseline, candidate = pair.by_task("length")
    d = candidate - baseline
    shorter, longer = int((d < 0).sum()), int((d > 0).sum())
    word, tasks = ("shorter", shorter) if shorter >= longer else ("longer", longer)
    before = float(baseline.sum())
    change = float(candidate.sum()) / before - 1 if before else None
    mean = "" if change is None else f", mean length {MINUS if change < 0 else '+'}{abs(change) * 100:.0f} %"
    return PrimaryTest(
        wilcoxon(means(d, pair.units))[1], f"{word} answers in {tasks} of {d.size} tasks{mean} (Wilcoxon"
    )


def adjust_flags(tests: Sequence[Mapping[McNemarName, McNemar]]) -> list[dict[str, FlagChange]]:
    """Return the secondary tests of the pairs of one run, adjusted over all of them by Benjamini and Hochberg."""
    adjusted = iter(benjamini_hochberg([test.p for of_pair in tests for test in of_pair.values()]))
    return [
        {name: FlagChange(test.gained, test.lost, test.p, next(adjusted)) for name, test in of_pair.items()}
        for of_pair in tests
    ]


def conclude(
    primary: PrimaryTest, p_holm: float | None, comparisons: int, flags: Mapping[str, FlagChange], *, answered: bool
) -> Behaviour:
    """Return `changed` if the adjusted p value of the primary test is below 0.05; each reason names an observation and its test."""
    if not answered:
        return Behaviour(None, (), None, None, comparisons, flags)
    has_changed = p_holm is not None and p_holm < LEVEL
    reasons = [_primary_reason(primary, p_holm, comparisons)] if has_changed and p_holm is not None else []
    return Behaviour(
        "changed" if has_changed else "no change found",
        (*reasons, *_secondary_reasons(flags)),
        primary.p,
        p_holm,
        comparisons,
        flags,
    )


def _primary_reason(primary: PrimaryTest, p_holm: float, comparisons: int) -> str:
    """The adjustment is named: beside this p value, tables show the one before it."""
    adjusted = f" adjusted over {comparisons} pairs" if comparisons > 1 else ""
    return f"{primary.observation}, {p_in_sentence(p_holm)}{adjusted})"


def _secondary_reasons(flags: Mapping[str, FlagChange]) -> Iterable[str]:
    for name, label in TESTED.items():
        flag = flags[name]
        if flag.p_bh is not None and flag.p_bh < LEVEL:
            yield f"secondary: {label}: {flag.gained} gained, {flag.lost} lost (McNemar, {p_in_sentence(flag.p_bh)} adjusted)"
