"""What a command may still send to judges: an allowance is asked before every request, and told what each one used.

Every try counts, also one in vain: an endpoint may count it, too. Requests that are under way at the same time are reserved before
they are sent, so that an allowance is never exceeded, however many connections there are.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from qtui.endpoints import completion
from qtui.endpoints.sending import Received
from qtui.errors import UserError
from qtui.format import count
from qtui.records import NOTHING_USED, Usage

LOST = Usage(1)
"""One request was sent, and nobody knows what it used."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request before it is sent, for whoever estimates what it may use."""

    model: str
    base_url: str | None
    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    """The JSON schema of its reply, which may be part of it."""
    max_tokens: int
    """The most tokens of its reply."""
    in_batch: bool = False


class SpentError(UserError):
    """Nothing more may be sent: no failure of the endpoint, and no word on the question. The message says `stopped at …`."""


class Allowance(Protocol):
    """`settle` follows every request that was reserved, one by one or in a batch. Belongs to one event loop."""

    async def reserve(self, request: Outgoing) -> None:
        """Reserve one request; wait if requests under way may leave room for it. Raises SpentError if it may not be sent."""
        ...

    def room(self, requests: Sequence[Outgoing]) -> int:
        """Return how many of these requests, from the first on, could be reserved now for a batch."""
        ...

    def reserve_all(self, requests: Sequence[Outgoing]) -> bool:
        """Reserve the requests of a batch if all of them may be sent. Return whether they are reserved."""
        ...

    def settle(self, request: Outgoing, used: Usage) -> None:
        """Note what a reserved request used. No requests: it was not sent. Counts that are None are unknown."""
        ...

    @property
    def is_spent(self) -> bool:
        """Whether a request was not sent for it."""
        ...

    def spent(self) -> SpentError:
        """Return why nothing more may be sent."""
        ...


class RequestLimit:
    """An allowance for a number of requests."""

    def __init__(self, most: int) -> None:
        self.is_spent = False
        self._most = most
        self._sent = 0

    async def reserve(self, request: Outgoing) -> None:
        if not self.reserve_all([request]):
            raise self.spent()

    def room(self, requests: Sequence[Outgoing]) -> int:
        room = min(len(requests), self._most - self._sent)
        self.is_spent = self.is_spent or room < len(requests)
        return room

    def reserve_all(self, requests: Sequence[Outgoing]) -> bool:
        fits = self.room(requests) == len(requests)
        self._sent += len(requests) if fits else 0
        return fits

    def settle(self, request: Outgoing, used: Usage) -> None:  # noqa: ARG002 - all requests count the same
        if used.requests == 0:
            self._sent -= 1

    def spent(self) -> SpentError:
        return SpentError(f"stopped at {count(self._most, 'request')}")


_ALLOWANCE: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


def current() -> Allowance | None:
    """Return the allowance of the requests of this task; None if there may be any number."""
    return _ALLOWANCE.get()


@contextmanager
def spending(allowance: Allowance | None) -> Iterator[None]:
    """Let everything that is asked within the block be taken from an allowance, tasks that begin there included."""
    token = _ALLOWANCE.set(allowance)
    try:
        yield
    finally:
        _ALLOWANCE.reset(token)


def allowed(request: Callable[[], Awaitable[Received]], outgoing: Outgoing) -> Callable[[], Awaitable[Received]]:
    """Return the request as one that is taken from the allowance of this task: it then may raise SpentError, and sends nothing."""
    allowance = current()
    if allowance is None:
        return request

    async def reserved() -> Received:
        await allowance.reserve(outgoing)
        used = LOST
        try:
            received = await request()
            if received.headers is not None:
                used = completion.usage(received.body) if received.is_ok else Usage(1, 0, 0, 0)
            return received
        except SpentError:  # of another limit
            used = NOTHING_USED
            raise
        finally:
            allowance.settle(outgoing, used)

    return reserved
