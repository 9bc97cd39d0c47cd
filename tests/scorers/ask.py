"""Asking a scorer about one answer."""

from typing import Any

from qtui.records import ChoiceScore, Expected, Score, ScorerKind, ScorerSpec, Task
from qtui.scorers import Question, score


def ask(
    kind: ScorerKind,
    answer: str,
    reference: str = "",
    *,
    choice_scores: tuple[ChoiceScore, ...] | None = None,
    expected: Expected | None = None,
    checks: str = "",
    **settings: Any,
) -> Score:
    """Return the score of an answer to a task with this reference and these checks."""
    task = Task("question", reference, expected=expected or Expected(checks=checks))
    return score(ScorerSpec(kind, settings=settings), Question(task, answer, choice_scores))
