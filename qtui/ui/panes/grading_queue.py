"""The queue of pairs for people, as Tasks and Compare step through it: each pair once, the most telling first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtui.format import count, number, signed
from qtui.ui.data.scope import Scope

if TYPE_CHECKING:
    from qtui.results.worth_grading import PairToGrade

NOTHING_LEFT = "No pair is left to grade: a person has graded every pair whose answers differ."


class GradingQueue:
    """Which pairs were offered: one that the person does not grade is not offered again before all others."""

    def __init__(self) -> None:
        self._offered_for: object = None
        self._offered: set[tuple[int, int]] = set()

    def next(self, scope: Scope, queue: "Sequence[PairToGrade]") -> "PairToGrade | None":
        """Return the next pair to offer; None if the queue is empty. After the last one it begins again."""
        key = (scope.run_id, scope.model, scope.baseline, scope.candidate)
        if key != self._offered_for:
            self._offered_for, self._offered = key, set()
        fresh = [pair for pair in queue if (pair.task, pair.sample) not in self._offered]
        if not fresh:
            self._offered.clear()
        pair = next(iter(fresh or queue), None)
        if pair is not None:
            self._offered.add((pair.task, pair.sample))
        return pair


def reasons(pair: "PairToGrade", left: int, *, is_blind: bool) -> str:
    """Return why this pair is next, for a notice; in blind mode only how many are left, because the reasons tell grades."""
    lead = (
        f"Task {pair.task}"
        + (f", sample {pair.sample + 1}" if pair.sample else "")
        + f", {count(left, 'pair')} to grade"
    )
    if is_blind:
        return f"{lead}."
    why = ["it decides the verdict"] if pair.decides else []
    if pair.parted:
        why.append(f"judges and takes part by {number(pair.parted, 1)}")
    why.append("no judge has graded it" if pair.d is None else f"Δ {signed(pair.d)}")
    return f"{lead}: {', '.join(why)}."
