"""What a judge is asked: a stored answer as a question, and equal answers together."""

from collections.abc import Sequence
from itertools import groupby

from qtui.judges import Question
from qtui.store.answers import PendingAnswer


def question_of(item: PendingAnswer) -> Question:
    """Return what a judge is asked about an answer."""
    task = item.task
    return Question(task.input, task.reference, task.criteria, item.text, item.earlier)


def group_same_answers(missing: Sequence[PendingAnswer]) -> list[list[PendingAnswer]]:
    """Return the answers grouped by task, text and the turns before: each group is one question and shares its grade."""

    def task_and_texts(item: PendingAnswer) -> tuple[int, str, list[tuple[str, str]]]:
        return item.task_id, item.text, [(turn.input, turn.answer) for turn in item.earlier]

    return [list(group) for _, group in groupby(sorted(missing, key=task_and_texts), key=task_and_texts)]
