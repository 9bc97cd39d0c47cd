"""The questions that a judge was not asked yet: equal answers together, in parts that an endpoint takes; and their grades."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from qtui.endpoints.batches import Limits
from qtui.judges import Reply
from qtui.judges.protocol import unasked_reply
from qtui.records import NOTHING_USED, Grade, JudgeSpec
from qtui.runner.questions import grade_key, place_of, question_of, shared_rows
from qtui.runner.queues import Closed, closed_of, queue_of
from qtui.store import Store, grades
from qtui.store.batches import Planned, StoredBatch
from qtui.store.grades import Place
from qtui.store.judges import StoredJudge

Row = tuple[Place, Grade]


def missing(
    store: Store, judge: StoredJudge, takes: int, *, again: bool = False, closed: Iterable[Closed] = ()
) -> list[Planned]:
    """Return the questions without a grade that no open batch holds, the most informative first (see `question_queue`).

    With `again`, what is *ungraded* and not `closed` has no grade. Answers equal to one that has a grade get it, and are in no
    question.
    """
    queue = queue_of(store, judge, takes, again=again, closed=closed)
    if shared := queue.refill(whole=True):
        grades.commit(store, shared_rows(store, judge, shared))
    return [
        Planned(asked.take, tuple((grade_key(judge, item, asked.take), item) for item in asked.answers))
        for asked in iter(queue.pop, None)
    ]


def closed(questions: Iterable[Planned]) -> set[Closed]:
    """Return what these questions ask, for `missing`."""
    return {closed_of(item, question.take) for question in questions for _, item in question.same}


def unasked(question: Planned, spec: JudgeSpec) -> Reply | None:
    """Return the reply to a question that no judge is asked, because an answer is empty or two are equal; else None."""
    return unasked_reply(spec, question_of(question.same[0][1]))


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


def left(held: Sequence[StoredBatch], unsubmitted: int) -> str:
    """Return what is left for a later runner, in words."""
    requests = sum(batch.requests for batch in held)
    names = ", ".join(batch.batch_id or "not submitted yet" for batch in held)
    more = f"; {unsubmitted} more questions are submitted when there is room" if unsubmitted else ""
    return f"{requests} questions are in {'a batch' if len(held) == 1 else f'{len(held)} batches'} ({names}){more}"


def rows(question: Planned, grade: Grade) -> list[Row]:
    """Return a row per answer with this question's grade, whatever the key of `grade`. The first has what its requests used."""
    return [
        (
            place_of(item),
            replace(grade, key=key, take=question.take, usage=NOTHING_USED if number else grade.usage),
        )
        for number, (key, item) in enumerate(question.same)
    ]
