"""The queue of a judge's questions: of single answers, or of pairs of answers if it compares."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from qtui.runner.pair_queue import PairQueue
from qtui.runner.question_queue import QuestionQueue
from qtui.store import Store
from qtui.store.judges import StoredJudge
from qtui.store.preferences import Pending, PendingPair


class Asked(Protocol):
    """A question that is being asked: what shares its grade, the first of which is shown to the judge."""

    @property
    def take(self) -> int: ...

    @property
    def answers(self) -> Sequence[Pending]: ...


class Shared(Asked, Protocol):
    """What has no grade for a take, and an equal one, `graded`, that has."""

    @property
    def graded(self) -> Pending: ...


class Queue(Protocol):
    """See `QuestionQueue`."""

    def refill(self, *, whole: bool = False) -> Sequence[Shared]: ...

    def pop(self) -> Asked | None: ...

    def close(self, asked: Any, *, has_grade: bool) -> None: ...

    def __len__(self) -> int: ...


Closed = tuple[object, ...]
"""What was asked, whatever came of it: see `closed_of`."""


def closed_of(item: Pending, take: int) -> Closed:
    """Return what a queue remembers of an answer or a pair that was asked about."""
    return (item.key, take) if isinstance(item, PendingPair) else (item.answer_id, item.task_id, take)


def queue_of(
    store: Store, judge: StoredJudge, takes: int, *, again: bool = False, closed: Iterable[Closed] = ()
) -> Queue:
    """Return the queue of what the judge was not asked yet; with `again`, also what is *ungraded* now and not `closed`, once."""
    if judge.is_pairwise:
        return PairQueue(store, judge, takes, again=again, closed=closed)
    return QuestionQueue(store, judge, takes, again=again, closed=closed)
