"""What an endpoint's headers and words say about its limits: how long to wait, how much is left, and when it is full again.

`Retry-After` has seconds or a date (RFC 9110), `retry-after-ms` milliseconds (Azure, OpenAI). What is left comes as
`x-ratelimit-remaining-requests` and `-tokens` with `-limit-` and `-reset-` (OpenAI, Groq, Together, Azure, vLLM's gateways), as
`anthropic-ratelimit-requests-remaining`, and as `x-ratelimit-remaining` or `ratelimit-remaining` for requests alone (OpenRouter,
IETF's draft). A reset is `6m0s`, `20ms`, seconds, a time of day (RFC 3339), or seconds or milliseconds since 1970.
"""

import email.utils
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_MOST_SECONDS = 10.0**7
"""A larger number of seconds is a moment since 1970."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_WORDS = re.compile(
    r"(?:(?:try again|retry(?: again)?) (?:in|after)|retrydelay\W{0,4})\s*"
    r"(?P<time>(?:\d+(?:\.\d+)?\s?(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?![a-z])\s?)+)",
    re.IGNORECASE,
)
_WORD = re.compile(r"(\d+(?:\.\d+)?)\s?(ms|millis|s|m|h)", re.IGNORECASE)
_NAMES = (
    ("requests", "x-ratelimit-{}-requests"), ("tokens", "x-ratelimit-{}-tokens"),
    ("requests", "anthropic-ratelimit-requests-{}"), ("tokens", "anthropic-ratelimit-tokens-{}"),
    ("input tokens", "anthropic-ratelimit-input-tokens-{}"), ("output tokens", "anthropic-ratelimit-output-tokens-{}"),
    ("requests", "x-ratelimit-{}"), ("requests", "ratelimit-{}"), ("requests", "x-ratelimit-{}-req-minute"),
    ("tokens", "x-ratelimit-{}-tokens-minute"),
)  # fmt: skip
"""What is counted → the names of its headers, with `remaining`, `limit` or `reset` in place of the braces."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one limit. A number or time that the endpoint does not say is None."""

    kind: str
    """`requests` or a kind of tokens."""
    remaining: float
    limit: float | None
    reset_seconds: float | None
    """Seconds until the limit is whole again."""


def seconds_to_wait(headers: Mapping[str, str], words: str = "") -> float | None:
    """Return how many seconds the endpoint asks to wait; None if it does not say. Header names are in lower case."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is None and value:
        seconds = _until_date(value)
    return _in_words(words) if seconds is None else seconds


def limits_left(headers: Mapping[str, str]) -> Iterator[Left]:
    """Yield what is left of each limit that the headers name. Header names are in lower case."""
    seen: set[str] = set()
    for kind, name in _NAMES:
        remaining = _number(headers.get(name.format("remaining")))
        if remaining is None or kind in seen:
            continue
        seen.add(kind)
        limit = _number(headers.get(name.format("limit")))
        yield Left(kind, remaining, limit, _until(headers.get(name.format("reset"), "")))


def _number(value: str | None) -> float | None:
    """Return a number that is not negative. Of `100, 100;w=60` the first one counts."""
    match = re.match(r"\s*(\d{1,18}(?:\.\d{1,9})?)\s*(?:[,;]|$)", value or "")
    return float(match[1]) if match else None


def _until(value: str) -> float | None:
    """Return the seconds until a moment, written in any of the ways of a reset."""
    value = value.strip()
    if _DURATION.fullmatch(value):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    number = _number(value)
    if number is None:
        return _until_date(value)
    if number > _MOST_SECONDS:
        moment = number / 1000 if number > _MOST_SECONDS * 1e4 else number
        return max(0.0, moment - time.time())
    return number


def _until_date(value: str) -> float | None:
    """Return the seconds until a date of HTTP or RFC 3339; 0 if it is past, None if it is no date."""
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _in_words(words: str) -> float | None:
    """Return the time of `Please try again in 1m6.2s.` or of a `retryDelay` of 34s."""
    match = _WORDS.search(words)
    if match is None:
        return None
    units = {"ms": 0.001, "millis": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(number) * units[unit.casefold()] for number, unit in _WORD.findall(match["time"]))
