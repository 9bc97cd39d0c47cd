"""Whether the candidate's behaviour changed, independently of its score and without a judge.

A model can keep its mean grade while its answers become half as long (Swallow-7B of the study: difference 0.00, length −52 %).
Per pair there are four tests: Wilcoxon's signed-rank test on stripped lengths, and McNemar's exact test on answers that
are shorter than 20 characters, loop, or have new Latin words. All tests of an experiment are adjusted together (Holm);
an adjusted p value below 0.05 means that the behaviour changed.

Sources: Wilcoxon (1945); McNemar (1947) in its exact binomial form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from qtui.analysis.holm import adjust
from qtui.analysis.lengths import sign_test, wilcoxon
from qtui.analysis.pairing import Pair
from qtui.figures.lengths import McNemar
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


@dataclass(frozen=True, slots=True)
class BehaviourTest:
    """One test of a pair: its unadjusted p value (None if it cannot be computed) and the observation in words."""

    p: float | None
    observation: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`name` is None if there are no pairs of answers. `p` is the smallest adjusted p value."""

    name: BehaviourName | None
    reasons: tuple[str, ...]
    p: float | None


def mcnemar(baseline: npt.ArrayLike, candidate: npt.ArrayLike) -> McNemar:
    """Exact McNemar test on flags (tasks,), bool or the share of a task's samples that have the flag.

    With several samples per task it becomes the sign test on the tasks whose share rose or fell, so samples of one task count once.
    """
    b = np.asarray(baseline, dtype=np.float64)
    c = np.asarray(candidate, dtype=np.float64)
    gained, lost = int((c > b).sum()), int((c < b).sum())
    return McNemar(gained, lost, sign_test(gained, lost))


def mcnemar_tests(pair: Pair) -> dict[str, McNemar]:
    """Return the McNemar test of every flag of a pair."""
    return {name: mcnemar(*pair.by_task(column)) for name, column in MCNEMAR.items()}


def pair_behaviours(pairs: Sequence[Pair]) -> list[Behaviour]:
    """Return the behaviour of every pair, in order; the tests of all pairs of one experiment are one Holm family."""
    tests = [behaviour_tests(pair) for pair in pairs]
    families: dict[Any, list[tuple[int, int]]] = {}
    for i, pair in enumerate(pairs):
        families.setdefault(pair.experiment, []).extend((i, k) for k in range(len(tests[i])))
    adjusted: list[list[float | None]] = [[None] * len(of_pair) for of_pair in tests]
    for family in families.values():
        for (i, k), p in zip(family, adjust([tests[i][k].p for i, k in family]), strict=True):
            adjusted[i][k] = p
    return [conclude(t, p, n=int(pair.tasks.size)) for t, p, pair in zip(tests, adjusted, pairs, strict=True)]


def behaviour_tests(pair: Pair) -> list[BehaviourTest]:
    """Return the four tests of one pair, unadjusted: stripped length, then short, looping, new Latin words."""
    tests = [_length_test(*pair.by_task("length"))]
    for name, label in TESTED.items():
        flag = mcnemar(*pair.by_task(MCNEMAR[name]))
        tests.append(BehaviourTest(flag.p, f"{label}: {flag.gained} gained, {flag.lost} lost (McNemar"))
    return tests


def conclude(tests: Sequence[BehaviourTest], adjusted: Sequence[float | None], *, n: int) -> Behaviour:
    """Return `changed` if an adjusted p value is below 0.05; each reason names an observation and its test."""
    if n == 0:
        return Behaviour(None, (), None)
    reasons = tuple(
        f"{test.observation}, {p_in_sentence(p)})"
        for test, p in zip(tests, adjusted, strict=True)
        if p is not None and p < LEVEL
    )
    smallest = min((p for p in adjusted if p is not None), default=None)
    return Behaviour("changed" if reasons else "no change found", reasons, smallest)


def _length_test(baseline: npt.NDArray[np.float64], candidate: npt.NDArray[np.float64]) -> BehaviourTest:
    d = candidate - baseline
    shorter, longer = int((d < 0).sum()), int((d > 0).sum())
    word, tasks = ("shorter", shorter) if shorter >= longer else ("longer", longer)
    before = float(baseline.sum())
    change = float(candidate.sum()) / before - 1 if before else None
    mean = "" if change is None else f", mean length {MINUS if change < 0 else '+'}{abs(change) * 100:.0f} %"
    return BehaviourTest(wilcoxon(d)[1], f"{word} answers in {tasks} of {d.size} tasks{mean} (Wilcoxon")
