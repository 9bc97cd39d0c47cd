"""What a judge is asked: a stored answer as a question; and the grade of an equal answer as a grade of another."""

from collections.abc import Sequence
from dataclasses import replace

from qtui.judges import Question
from qtui.records import Grade
from qtui.runner.question_queue import Shared
from qtui.store import Store, grades
from qtui.store.answers import PendingAnswer
from qtui.store.judges import StoredJudge


def question_of(item: PendingAnswer) -> Question:
    """Return what a judge is asked about an answer."""
    task = item.task
    return Question(task.input, task.reference, task.criteria, item.text, item.earlier)


def grade_key(judge: StoredJudge, item: PendingAnswer, take: int) -> str:
    """Return the key of the judge's grade of an answer."""
    return grades.key(item.answer_key, item.task.hash, judge.label, judge.fingerprint, take)


def shared_rows(store: Store, judge: StoredJudge, shared: Sequence[Shared]) -> list[tuple[grades.Place, Grade]]:
    """Return the grades of answers that have those of equal answers. They used nothing."""
    sources = [grade_key(judge, each.graded, each.take) for each in shared]
    known = grades.of_keys(store, sources)
    return [
        (grades.Place(item.answer_id, item.task_id), replace(known[source], key=grade_key(judge, item, each.take)))
        for each, source in zip(shared, sources, strict=True)
        if source in known
        for item in each.answers
    ]
