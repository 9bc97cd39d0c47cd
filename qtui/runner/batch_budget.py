"""What batches may cost: a batch holds no more questions than the rest of the budget pays at the price of batches.

What its questions cost at most is reserved until the batch is fetched. Batches that an earlier command submitted are not part of
this command's budget.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from qtui.endpoints import budget
from qtui.endpoints.budget import Bound
from qtui.judges.openai import OpenAIJudge
from qtui.records import NOTHING_USED
from qtui.runner.questions import question_of
from qtui.store.batches import Outcome, Planned


@dataclass(slots=True)
class BatchBudget:
    """What one judge has reserved for its batches, by the key of the question: amount, bound and factor."""

    base_url: str | None
    _reserved: dict[str, tuple[float, Bound, float]] = field(default_factory=dict)

    def affordable(self, judge: OpenAIJudge, questions: Sequence[Planned], under_way: Collection[str]) -> list[Planned]:
        """Return the first questions that the budget pays, and reserve what they cost; all of them without a budget.

        `under_way` are the keys of open batches. Raises BudgetSpentError if it pays none and nothing is reserved that may be given
        back.
        """
        purse = budget.current()
        if purse is None:
            return list(questions)
        for key in self._reserved.keys() - set(under_way):
            self._settle(Outcome(key, "returned", "", NOTHING_USED))
        taken = []
        for question in questions:
            bound = judge.bound(question_of(question.same[0][1]))
            assert bound is not None
            factor = purse.batch_factor(bound, self.base_url)
            reserved = purse.reserve(bound, factor)
            if reserved is None:
                break
            self._reserved[question.key] = (reserved, bound, factor)
            taken.append(question)
        if questions and not taken and not self._reserved:
            raise purse.stop()
        return taken

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Note what the questions of a batch used."""
        for outcome in outcomes:
            self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        purse, reserved = budget.current(), self._reserved.pop(outcome.key, None)
        if purse is not None and reserved is not None:
            amount, bound, factor = reserved
            purse.settle(amount, bound, factor, outcome.usage)
