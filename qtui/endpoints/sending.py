"""Sending one request until it is replied to: what passes is tried again, a few times and not for long.

The openai library tries again, too, but knows neither of the other requests nor of limits: sixteen requests that are refused for
their number are sent again at the same time. So its own retries are off here. A fault that passes (429, 408, 5xx, a time-out, a
connection that breaks, also in the middle of a reply) is tried again after a pause with jitter, or after the time that the endpoint
asks for. A refusal that no wait will change (a key, an account, a question) is returned at once.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from qtui.endpoints import failures, limit_headers, server_words
from qtui.endpoints.failures import Failure, Scope
from qtui.endpoints.rate_limits import RateLimiter, Ticket
from qtui.errors import UserError
from qtui.processes import events

if TYPE_CHECKING:
    import openai

TRIES = 6
"""Most requests for one question."""
TOTAL_SECONDS = 300.0
"""After this time in requests and pauses, one question is not sent again."""
LONGEST_PAUSE = 120.0
"""An endpoint that asks for a longer pause is not waited for."""
_FIRST_PAUSE, _MOST_PAUSE = 0.5, 8.0
_NEVER_PASSES = (501, 505)
_PASSES = (408, 409, 425, 429)
_ABOUT_SETTING = re.compile(r"\bvalidation errors?\b|\b(?:literal_error|extra_forbidden)\b", re.IGNORECASE)
"""Words with which llama-cpp-python's server refuses a setting, under status 500: no wait changes that."""
_ABOUT_ACCOUNT = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|funds)|billing[_ ](?:hard[_ ]limit|not[_ ]active)|credit balance|out of credits|"
    r"payment required|exceeded your current quota",
    re.IGNORECASE,
)

Loss = Literal["", "timeout", "broken", "unreachable"]


@dataclass(frozen=True, slots=True)
class Received:
    """What came of one request: a reply with its status, or why there is none."""

    status: int = failures.LOST
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    """Names in lower case; None without a reply."""
    loss: Loss = ""
    error: str = ""

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def in_words(self) -> str:
        """What came of the request, without any of its content."""
        return f"status {self.status}" if self.headers is not None else f"no reply ({self.loss})"


@dataclass(frozen=True, slots=True)
class Sent:
    """The last reply to a question, and how many requests it took."""

    received: Received
    requests: int
    lost: int
    """Requests without a reply: the endpoint may have counted tokens for them."""

    def failure(self) -> Failure | None:
        """Return why there is no reply; None if there is one. Raises UserError if nobody can be reached at the address."""
        received = self.received
        if received.is_ok:
            return None
        if received.headers is not None:
            words = server_words.words(received.body)
            failure = failures.of_status(received.status, words)
            asked = limit_headers.seconds_to_wait(received.headers, words)
            return failures.with_wait(failure, asked if asked and asked > LONGEST_PAUSE else None)
        if received.loss == "unreachable":
            raise UserError("cannot be reached. Is the server running, and base_url right?")
        times = f", {self.requests} times" if self.requests > 1 else ""
        what = "no reply in time" if received.loss == "timeout" else "the connection broke before the reply was whole"
        return Failure(failures.LOST, f"{what}{times}", Scope.UNCLEAR)


async def send(request: Callable[[], Awaitable[Received]], limiter: RateLimiter) -> Sent:
    """Send until there is a reply, or until another try is of no use."""
    tries = _Tries(limiter)
    while True:
        ticket = await _enter(limiter)
        received = Received()
        began = time.monotonic()
        try:
            received = await request()
        finally:
            _leave(limiter, ticket, received)
        pause = tries.pause_after(received, time.monotonic() - began)
        if pause is None:
            return Sent(received, tries.requests, tries.lost)
        await asyncio.sleep(pause)


def send_blocking(request: Callable[[], Received], limiter: RateLimiter, stopped: Callable[[], bool]) -> Sent:
    """Do as `send` does, in a thread. Once `stopped` returns true, a request that waits for a limit is not sent any more."""
    tries = _Tries(limiter)
    while True:
        while isinstance(ticket := limiter.enter(), float):
            if stopped():
                return Sent(Received(loss="broken"), tries.requests, tries.lost)
            time.sleep(min(ticket, 1.0))
        received = Received()
        began = time.monotonic()
        try:
            received = request()
        finally:
            _leave(limiter, ticket, received)
        pause = tries.pause_after(received, time.monotonic() - began)
        if pause is None:
            return Sent(received, tries.requests, tries.lost)
        time.sleep(pause)


def is_about_account(words: str) -> bool:
    """Return whether a server's words say that the account has no money or quota left."""
    return _ABOUT_ACCOUNT.search(words) is not None


async def _enter(limiter: RateLimiter) -> Ticket:
    ticket = limiter.enter()
    while isinstance(ticket, float):
        await asyncio.sleep(ticket)
        ticket = limiter.enter()
    return ticket


async def receive(create: Callable[..., Awaitable[Any]], **content: Any) -> Received:
    """Make one request with the openai library's `with_raw_response` and return what came of it."""
    import openai

    try:
        response = await create(**content)
    except openai.APIError as error:
        return _of_error(error)
    return _of_response(response)


def receive_blocking(create: Callable[..., Any], **content: Any) -> Received:
    """Do as `receive` does, in a thread."""
    import openai

    try:
        response = create(**content)
    except openai.APIError as error:
        return _of_error(error)
    return _of_response(response)


class _Tries:
    """The requests for one question."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.requests = self.lost = 0
        self._limiter = limiter
        self._seconds = 0.0

    def pause_after(self, received: Received, seconds: float) -> float | None:
        """Return how many seconds to wait before the request is sent again; None if it is not."""
        self.requests += 1
        self.lost += received.headers is None
        self._seconds += seconds
        words = "" if received.is_ok or received.headers is None else server_words.words(received.body)
        asked = None if received.headers is None else limit_headers.seconds_to_wait(received.headers, words)
        if not _passes(received, words, asked):
            if received.headers is not None and received.status != 429:
                self._limiter.succeed()
            return None
        events.debug(f"a request had {received.in_words} after {seconds:.2f} s; try {self.requests} of {TRIES}")
        if asked is not None and asked > LONGEST_PAUSE:
            return None
        if received.status == 429 or (received.status == 503 and asked):
            # All requests wait, so this one needs no pause of its own.
            waited, pause = self._limiter.hold(asked), 0.0
        else:
            waited = pause = _pause(self.requests) if asked is None else asked * random.uniform(1.0, 1.1)
        self._seconds += waited
        return pause if self.requests < TRIES and self._seconds < TOTAL_SECONDS else None


def _passes(received: Received, words: str, asked: float | None) -> bool:
    """Return whether the same request may have a reply later."""
    if received.headers is None:
        return True
    if received.is_ok:
        return False
    told = received.headers.get("x-should-retry", "")
    if told in ("true", "false"):
        return told == "true"
    if received.status not in _PASSES and (received.status < 500 or received.status in _NEVER_PASSES):
        return False
    if _ABOUT_SETTING.search(words):
        return False
    if received.status == 429:
        return asked is not None or not _ABOUT_ACCOUNT.search(words)
    return failures.of_status(received.status, words).scope is not Scope.QUESTION


def _pause(requests: int) -> float:
    """Return the growing pause after the nth request in vain, half of it by chance so that requests part."""
    return min(_MOST_PAUSE, _FIRST_PAUSE * 2.0 ** (requests - 1)) * random.uniform(0.5, 1.0)


def _leave(limiter: RateLimiter, ticket: Ticket, received: Received) -> None:
    limiter.leave(ticket, received.headers, tokens=_tokens(received))


def _tokens(received: Received) -> int | None:
    """The tokens of a reply, roughly found: it is read whole elsewhere."""
    match = re.search(rb'"total_tokens"\s*:\s*(\d{1,9})', received.body) if received.is_ok else None
    return int(match[1]) if match else None


def _of_response(response: Any) -> Received:
    reply = response.http_response
    return Received(reply.status_code, reply.content, {name.lower(): value for name, value in reply.headers.items()})


def _of_error(error: "openai.APIError") -> Received:
    import openai

    if isinstance(error, openai.APIStatusError):
        reply = error.response
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Received(error.status_code, reply.content, headers)
    cause = type(error.__cause__).__name__
    if cause in ("ConnectError", "ConnectTimeout", "UnsupportedProtocol", "ProxyError", "InvalidURL"):
        return Received(loss="unreachable", error=str(error))
    if isinstance(error, openai.APITimeoutError):
        return Received(loss="timeout", error=str(error))
    return Received(loss="broken", error=str(error))
