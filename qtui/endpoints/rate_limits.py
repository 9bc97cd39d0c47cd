"""The rate limits of an endpoint, learned from its replies, and kept by all requests to it that are under way.

A request enters before it is sent and leaves when it is replied to. The first one goes alone: its headers say what is left of the
limits (`limit_headers`). Where nothing is left, requests wait until the endpoint has room again. A refusal for too many requests
stops all requests for the time that the endpoint asks for, and then they start again slowly, so that a limit without headers is met
with few refusals, too. Safe to use from several threads.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from qtui.endpoints.limit_headers import Left, limits_left

LOOK_SECONDS = 0.02
"""Pause before a request that waits for another one looks again."""
ALONE_SECONDS = 3.0
"""How long the first request goes alone: a slow endpoint has no limits that matter."""
LONGEST_WAIT = 120.0
"""Longest wait in seconds for a limit. If it lasts longer, the endpoint is asked anyway and may say so itself."""
FULL_GATE = 64
_FIRST_STRIKE, _LONGEST_STRIKE = 1.0, 30.0
_STEADY_SECONDS = 1.5
_FASTER = 0.98


@dataclass(slots=True)
class _Limit:
    """One limit. Either a window, whole again at once at `reset_at`, or steadily refilled (`per_second`)."""

    limit: float | None
    available: float
    reset_at: float | None
    first_reset_at: float | None
    per_second: float | None = None
    updated: float = 0.0

    def room_in(self, need: float, now: float) -> float | None:
        """Return the seconds until `need` is available, 0 if it is; None if that is not known."""
        need = min(need, self.limit) if self.limit else need
        if self.per_second:
            self.available = min(self.limit or need, self.available + (now - self.updated) * self.per_second)
            self.updated = now
        if self.available >= need:
            return 0.0
        if self.reset_at is None:
            return None
        if now >= self.reset_at:
            self.available, self.first_reset_at, self.reset_at = self.limit or need, None, None
            return 0.0
        wait = self.reset_at - now
        return min(wait, (need - self.available) / self.per_second) if self.per_second else wait


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that has entered."""

    number: int


@dataclass(eq=False)
class RateLimiter:
    """The limits of one endpoint. `clock` returns seconds."""

    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _limits: dict[str, _Limit] = field(default_factory=dict)
    _sent: int = 0
    _in_flight: int = 0
    _gate: int | None = 1
    """How many requests may be in flight; None is any number."""
    _alone_since: float | None = None
    _has_replied: bool = False
    _blocked_until: float = 0.0
    _newest: int = 0
    """Number of the newest request whose headers were read: older ones know less."""
    _strikes: int = 0
    _tokens: float = 0.0
    """Mean tokens of a request."""
    _may_be_steady: bool = True
    """Whether no request was refused that should have had room if the limits were steadily refilled."""
    _interval: float = 0.0
    """Seconds between requests where headers tell no limit but requests were refused."""
    _next_at: float = 0.0
    _since: float | None = None
    _replied: int = 0
    """Replies since then, from which the interval is found."""

    def enter(self) -> "Ticket | float":
        """Enter, or return how many seconds to wait before the next try."""
        with self._lock:
            now = self.clock()
            if (wait := self._wait(now)) > 0:
                return wait
            self._in_flight += 1
            self._sent += 1
            self._alone_since = self._alone_since or now
            self._since = self._since or now
            self._next_at = now + self._interval
            for kind, limit in self._limits.items():
                limit.available -= self._need(kind)
            return Ticket(self._sent)

    def leave(self, ticket: Ticket, headers: Mapping[str, str] | None = None, *, tokens: int | None = None) -> None:
        """Leave, with the headers of the reply (names in lower case), None if there was none, and the tokens that it used."""
        with self._lock:
            self._in_flight -= 1
            if headers is None:
                return
            if not self._has_replied:
                self._has_replied, self._gate = True, None
            if tokens:
                self._tokens = tokens if not self._tokens else 0.8 * self._tokens + 0.2 * tokens
            if ticket.number > self._newest:
                self._newest = ticket.number
                for left in limits_left(headers):
                    self._learn(left, self._sent - ticket.number)

    def succeed(self) -> None:
        """Note a reply that was no refusal."""
        with self._lock:
            self._strikes = 0
            self._replied += 1
            self._interval *= _FASTER
            if self._gate is not None:
                self._gate = self._gate + 1 if self._gate < FULL_GATE else None

    def hold(self, seconds: float | None) -> float:
        """Let no request enter for these seconds, None for a growing pause; afterwards they start slowly. Returns the seconds."""
        with self._lock:
            now = self.clock()
            if seconds is None and now < self._blocked_until:
                return self._blocked_until - now  # a refusal of the same moment
            if seconds is None:
                seconds = min(_LONGEST_STRIKE, _FIRST_STRIKE * 2**self._strikes) * random.uniform(0.75, 1.25)
                self._strikes += 1
            self._slow_down(now)
            self._blocked_until = max(self._blocked_until, now + seconds)
            self._gate, self._has_replied = 1, True
            return seconds

    def _slow_down(self, now: float) -> None:
        """Take from what was replied to until this refusal how fast the endpoint can be asked, and trust no refill any more."""
        if not self._limits and self._replied and self._since is not None:
            self._interval = min(_LONGEST_STRIKE, (now - self._since) / self._replied)
        self._since, self._replied = now, 0
        if any(limit.per_second for limit in self._limits.values()):
            self._may_be_steady = False
            for limit in self._limits.values():
                limit.per_second = None

    def _wait(self, now: float) -> float:
        if (until := max(self._blocked_until, self._next_at)) > now:
            return until - now
        if not self._has_replied and self._alone_since is not None and now - self._alone_since > ALONE_SECONDS:
            self._gate = None
        if self._gate is not None and self._in_flight >= self._gate:
            return LOOK_SECONDS
        waits = [limit.room_in(self._need(kind), now) for kind, limit in self._limits.items()]
        if None in waits and self._in_flight:
            return LOOK_SECONDS
        longest = max((wait for wait in waits if wait is not None), default=0.0)
        return longest if longest <= LONGEST_WAIT else 0.0

    def _need(self, kind: str) -> float:
        return 1.0 if kind == "requests" else self._tokens

    def _learn(self, left: Left, sent_after: int) -> None:
        """Take over what a reply says is left, less the requests that were sent after the one it replies to."""
        now = self.clock()
        old = self._limits.get(left.kind)
        limit = left.limit if left.limit is not None else old.limit if old else None
        reset_at = None if left.reset_seconds is None else now + left.reset_seconds
        first = old.first_reset_at if old and old.first_reset_at is not None else reset_at
        available = left.remaining - sent_after * self._need(left.kind)
        new = _Limit(limit, available, reset_at, first, old.per_second if old else None, now)
        is_later = reset_at is not None and first is not None and reset_at > first + _STEADY_SECONDS and now < first
        if (
            self._may_be_steady
            and (is_later or new.per_second)
            and limit
            and left.reset_seconds
            and limit > left.remaining
        ):
            # The moment at which it is whole moves with every request: it is refilled all the time.
            new.per_second = (limit - left.remaining) / left.reset_seconds
        self._limits[left.kind] = new


_LIMITERS: "WeakValueDictionary[tuple[str, str, str], RateLimiter]" = WeakValueDictionary()


def limiter(base_url: str | None, key_name: str, model: str) -> RateLimiter:
    """Return the limiter that all requests of this process to a model share."""
    place = (base_url or "", key_name, model)
    found = _LIMITERS.get(place)
    if found is None:
        found = _LIMITERS[place] = RateLimiter()
    return found
