"""What may still be asked in batches, where requests are limited: a batch is cut to what is left, and reserved as a whole."""

from collections.abc import Callable, Mapping

from qtui.endpoints import allowance
from qtui.endpoints.allowance import Outgoing
from qtui.records import NOTHING_USED, Usage
from qtui.store import Store, batches
from qtui.store.batches import Planned, StoredBatch


class BatchAllowance:
    """The requests of one judge's batches that this runner submits. Those that an earlier one submitted are paid already."""

    def __init__(self, store: Store, outgoing: Callable[[Planned], Outgoing]) -> None:
        self._store = store
        self._outgoing = outgoing
        self._reserved: dict[int, list[Outgoing]] = {}
        """By batch."""

    def affordable(self, questions: list[Planned]) -> list[Planned]:
        """Return the questions, from the first on, that may still be asked."""
        limit = allowance.current()
        return questions if limit is None else questions[: limit.room([*map(self._outgoing, questions)])]

    def has_room(self, question: Planned, times: int) -> bool:
        """Return whether a question may be asked so many times."""
        limit = allowance.current()
        return limit is None or limit.room([self._outgoing(question)] * times) == times

    def reserve(self, batch: StoredBatch) -> bool:
        """Reserve the requests of a batch before it is submitted. Return false if they are more than may be sent."""
        limit = allowance.current()
        if limit is None or batch.id in self._reserved:
            return True
        requests = [*map(self._outgoing, batches.questions(self._store, batch))]
        if not limit.reserve_all(requests):
            return False
        self._reserved[batch.id] = requests
        return True

    def settle(self, batch: StoredBatch, used: Mapping[str, Usage]) -> None:
        """Note what a batch used, by key of its questions; those that are missing were not worked on."""
        limit, reserved = allowance.current(), self._reserved.pop(batch.id, [])
        if limit is not None and reserved:
            for question, request in zip(batches.questions(self._store, batch), reserved, strict=True):
                limit.settle(request, used.get(question.key, NOTHING_USED))
