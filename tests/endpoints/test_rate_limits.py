"""Limits that endpoints tell: what their headers mean, and that requests keep them."""

import asyncio
import email.utils
import json
import random
import time
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest

from qtui.endpoints import sending
from qtui.endpoints.limit_headers import Left, limits_left, seconds_to_wait
from qtui.endpoints.rate_limits import RateLimiter, Ticket
from qtui.endpoints.sending import Received


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({"retry-after": "7"}, "", 7),
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after": email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=10), usegmt=True)}, "", 36000),
        ({"retry-after": email.utils.format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)}, "", 0),
        ({}, "Rate limit reached. Please try again in 1m6.5s. Visit …", 66.5),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, 'RetryInfo (retryDelay: "34s")', 34),
        ({}, "Please retry in 12 seconds", 12),
        ({"retry-after": "soon"}, "busy", None),
        ({"retry-after": "-5"}, "", None),
    ],
)
def test_the_time_to_wait_is_read_in_all_its_forms(headers: dict[str, str], words: str, seconds: float | None) -> None:
    found = seconds_to_wait(headers, words)
    assert found == (None if seconds is None else pytest.approx(seconds, rel=0.1 if seconds == 36000 else 1e-6))


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"x-ratelimit-remaining-requests": "59", "x-ratelimit-limit-requests": "60", "x-ratelimit-reset-requests": "1m0.5s"},
         [Left("requests", 59, 60, 60.5)]),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, [Left("tokens", 0, None, 0.02)]),
        ({"anthropic-ratelimit-requests-remaining": "3", "anthropic-ratelimit-requests-limit": "50",
          "anthropic-ratelimit-requests-reset": "2001-01-01T00:00:00Z"}, [Left("requests", 3, 50, 0)]),
        ({"ratelimit-remaining": "5", "ratelimit-limit": "100, 100;w=60", "ratelimit-reset": "30"}, [Left("requests", 5, 100, 30)]),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "978307200000"}, [Left("requests", 1, None, 0)]),
        ({"x-ratelimit-remaining-requests": "many"}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_what_is_left_is_read_in_all_its_forms(headers: dict[str, str], left: list[Left]) -> None:
    assert list(limits_left(headers)) == left


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """An endpoint with a limit of requests per minute, in a sliding window, a fixed one, or a bucket that is refilled."""

    def __init__(self, limit: int, kind: str, *, has_headers: bool) -> None:
        self.limit, self.kind, self.has_headers = limit, kind, has_headers
        self.taken: deque[float] = deque()
        self.level, self.filled = float(limit), 1000.0
        self.refused = 0

    def ask(self, now: float) -> tuple[int, dict[str, str]]:
        left, reset, room_in = self._left(now)
        is_refused = left < 1
        self.refused += is_refused
        if not is_refused:
            self.taken.append(now)
            self.level -= 1
            left, reset, _ = self._left(now)
        headers = {"x-ratelimit-limit-requests": str(self.limit), "x-ratelimit-remaining-requests": str(int(left)),
                   "x-ratelimit-reset-requests": f"{reset:.3f}s"}  # fmt: skip
        wait = {"retry-after": str(int(room_in) + 1)} if is_refused and self.has_headers else {}
        return 429 if is_refused else 200, (headers if self.has_headers else {}) | wait

    def _left(self, now: float) -> tuple[float, float, float]:
        """What is left, when all is there again, and when there is room for one."""
        if self.kind == "bucket":
            rate = self.limit / 60
            self.level = min(self.limit, self.level + (now - self.filled) * rate)
            self.filled = now
            return self.level, (self.limit - self.level) / rate, max(0.0, 1 - self.level) / rate
        window = now - 60 if self.kind == "sliding" else now - now % 60
        self.taken = deque(moment for moment in self.taken if moment > window)
        end = (self.taken[-1] + 60 if self.taken else now) if self.kind == "sliding" else window + 60
        first = self.taken[0] + 60 if self.kind == "sliding" and self.taken else end
        return self.limit - len(self.taken), end - now, first - now


def simulate(server: Server, questions: int, workers: int = 16) -> float:
    """Ask all questions with many workers at once, 0.5 s each, by a clock without real time. Return the minutes that it took."""
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    in_flight: list[tuple[float, Ticket, int, dict[str, str]]] = []
    waiting = questions
    while waiting or in_flight:
        entered: Ticket | float = 0.01
        while waiting and len(in_flight) < workers and isinstance(entered := limiter.enter(), Ticket):
            status, headers = server.ask(clock.now)
            in_flight.append((clock.now + 0.5, entered, status, headers))
            waiting -= 1
        done = min(in_flight, key=lambda each: each[0], default=None)
        pause = max(0.001, entered) if isinstance(entered, float) else 0.01
        if done is None or clock.now + pause < done[0]:
            clock.now += pause
            continue
        clock.now = max(clock.now, done[0])
        in_flight.remove(done)
        limiter.leave(done[1], done[3])
        if done[2] == 429:
            limiter.hold(seconds_to_wait(done[3]))
            waiting += 1
        else:
            limiter.succeed()
    return (clock.now - 1000.0) / 60


@pytest.mark.parametrize("kind", ["fixed", "bucket", "sliding"])
def test_sixteen_at_once_keep_a_limit_that_headers_tell_without_refusals(kind: str) -> None:
    server = Server(60, kind, has_headers=True)
    minutes = simulate(server, 300)
    assert server.refused <= 3
    assert minutes <= 11, "at least half of what the limit allows is used"


@pytest.mark.parametrize("kind", ["fixed", "bucket", "sliding"])
def test_a_limit_without_headers_is_met_with_few_refusals(kind: str) -> None:
    random.seed(1)
    server = Server(60, kind, has_headers=False)
    simulate(server, 300)
    assert server.refused < 100, "300 questions by 16 workers that all insist would be refused thousands of times"


def test_an_endpoint_without_limits_is_asked_by_all_at_once_after_the_first_reply() -> None:
    limiter = RateLimiter(clock=Clock())
    first = limiter.enter()
    assert isinstance(first, Ticket)
    assert isinstance(limiter.enter(), float)
    limiter.leave(first, {})
    assert all(isinstance(limiter.enter(), Ticket) for _ in range(64))


def test_a_limit_of_tokens_is_kept_by_the_mean_tokens_of_a_request() -> None:
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    first = limiter.enter()
    assert isinstance(first, Ticket)
    left = {
        "x-ratelimit-remaining-tokens": "2500",
        "x-ratelimit-limit-tokens": "3500",
        "x-ratelimit-reset-tokens": "60s",
    }
    limiter.leave(first, left, tokens=1000)
    assert [isinstance(limiter.enter(), Ticket) for _ in range(3)] == [True, True, False]
    clock.now += 61
    assert isinstance(limiter.enter(), Ticket)


async def _send(replies: list[Received]) -> tuple[sending.Sent, int]:
    left = iter(replies)

    async def request() -> Received:
        await asyncio.sleep(0)
        return next(left)

    sent = await sending.send(request, RateLimiter())
    return sent, sent.requests


NOW = {"retry-after-ms": "1"}


def _body(message: str, code: str = "") -> bytes:
    return json.dumps({"error": {"message": message, "code": code}}).encode()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
async def test_what_passes_is_tried_again_and_not_for_ever(status: int) -> None:
    refused = Received(status, b"", NOW)
    assert (await _send([refused, refused, Received(200, b"{}", {})]))[1] == 3
    assert (await _send([refused] * 50))[1] == sending.TRIES


@pytest.mark.parametrize(
    "received",
    [
        Received(400, b"", NOW),
        Received(401, b"", NOW),
        Received(501, b"", NOW),
        Received(500, b"", NOW | {"x-should-retry": "false"}),
        Received(500, _body("the request exceeds the available context size"), NOW),
        Received(429, _body("You exceeded your current quota", "insufficient_quota"), {}),
        Received(429, b"", {"retry-after": "3600"}),
        Received(503, b"", {"retry-after": "3600"}),
    ],
)
async def test_what_no_wait_will_change_is_sent_once(received: Received) -> None:
    sent, requests = await _send([received] * 50)
    assert requests == 1
    assert sent.failure() is not None


async def test_a_long_wait_is_said_and_not_waited_for() -> None:
    sent, _ = await _send([Received(429, _body("Slow down."), {"retry-after": "7200"})])
    failure = sent.failure()
    assert failure is not None
    assert failure.words == "Slow down. It asks to wait 2 h"


async def test_time_in_vain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.0)
    assert (await _send([Received(503, b"", NOW)] * 50))[1] == 1


def test_a_date_in_the_past_is_no_wait() -> None:
    past = email.utils.formatdate(time.time() - 100, usegmt=True)
    assert seconds_to_wait({"retry-after": past}) == 0
