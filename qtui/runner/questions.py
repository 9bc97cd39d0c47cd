"""What a judge is asked: a stored answer, or two of them, as a question; and the grade of an equal answer as a grade of another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qtui.judges import Question
from qtui.judges.protocol import SecondAnswer
from qtui.records import Grade
from qtui.store import Store, grades, preferences
from qtui.store.grades import Place
from qtui.store.judges import StoredJudge
from qtui.store.preferences import Pending, PendingPair

if TYPE_CHECKING:
    from qtui.runner.queues import Shared


def question_of(item: Pending) -> Question:
    """Return what a judge is asked about an answer, or about two."""
    if isinstance(item, PendingPair):
        task, first = item.first.task, item.first
        second = SecondAnswer(item.second.text, item.second.earlier)
        return Question(task.input, task.reference, task.criteria, first.text, first.earlier, second)
    return Question(item.task.input, item.task.reference, item.task.criteria, item.text, item.earlier)


def grade_key(judge: StoredJudge, item: Pending, take: int) -> str:
    """Return the key of the judge's grade of an answer, or of its preference between two."""
    if isinstance(item, PendingPair):
        answer_keys = item.first.answer_key, item.second.answer_key
        return preferences.key(answer_keys, item.first.task.hash, judge.label, judge.fingerprint, take)
    return grades.key(item.answer_key, item.task.hash, judge.label, judge.fingerprint, take)


def place_of(item: Pending) -> Place:
    """Return what a grade or preference belongs to."""
    if isinstance(item, PendingPair):
        return Place(item.first.answer_id, item.task_id, item.second.answer_id)
    return Place(item.answer_id, item.task_id)


def shared_rows(store: Store, judge: StoredJudge, shared: Sequence["Shared"]) -> list[tuple[grades.Place, Grade]]:
    """Return the grades of answers that have those of equal answers. They used nothing."""
    sources = [grade_key(judge, each.graded, each.take) for each in shared]
    known = grades.of_keys(store, sources)
    return [
        (place_of(item), replace(known[source], key=grade_key(judge, item, each.take)))
        for each, source in zip(shared, sources, strict=True)
        if source in known
        for item in each.answers
    ]
