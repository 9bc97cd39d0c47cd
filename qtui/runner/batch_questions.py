"""The questions that a judge was not asked yet: equal answers together, in parts that an endpoint takes; and their grades."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from qtui.endpoints.batches import Limits
from qtui.records import NOTHING_USED, Grade
from qtui.runner.question_queue import QuestionQueue
from qtui.runner.questions import grade_key, shared_rows
from qtui.store import Store, grades
from qtui.store.batches import Planned
from qtui.store.grades import Place
from qtui.store.judges import StoredJudge

Row = tuple[Place, Grade]


def missing(store: Store, judge: StoredJudge, takes: int) -> list[Planned]:
    """Return the questions without a grade that no open batch holds, the most informative first (see `question_queue`).

    Answers equal to one that has a grade get it, and are in no question.
    """
    queue = QuestionQueue(store, judge, takes)
    if shared := queue.refill(whole=True):
        grades.commit(store, shared_rows(store, judge, shared))
    return [
        Planned(asked.take, tuple((grade_key(judge, item, asked.take), item) for item in asked.answers))
        for asked in iter(queue.pop, None)
    ]


def is_empty(question: Planned) -> bool:
    """Return whether the answer is empty, so that no judge is asked."""
    return not question.same[0][1].text.strip()


def parts(questions: Sequence[Planned], limits: Limits, line: Callable[[Planned], bytes]) -> list[list[Planned]]:
    """Return the questions in parts that an endpoint takes as a batch. `line` is the line of its file that asks a question."""
    found: list[list[Planned]] = [[]]
    size = 0
    for question in questions:
        length = len(line(question))
        if found[-1] and (len(found[-1]) >= limits.requests or size + length > limits.bytes):
            found.append([])
            size = 0
        found[-1].append(question)
        size += length
    return found


def rows(question: Planned, grade: Grade) -> list[Row]:
    """Return a row per answer with this question's grade, whatever the key of `grade`. The first has what its requests used."""
    return [
        (
            Place(item.answer_id, item.task_id),
            replace(grade, key=key, take=question.take, usage=NOTHING_USED if number else grade.usage),
        )
        for number, (key, item) in enumerate(question.same)
    ]
