"""Limits of what a chat template may do: steps, time, size of texts, lists and numbers.

A template comes with weights from anywhere. The sandbox keeps it from the machine, but not from a loop without end or a text of a
terabyte. So every turn of a loop, every call, every list and every text is counted here, before it is made if it may be too
large, against a budget that no prompt comes near. What a template of a model does costs it some microseconds.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

MOST_STEPS = 500_000
MOST_SECONDS = 5.0
"""Of the processor, for one prompt."""
MOST_CHARACTERS = 16 * 1024 * 1024
"""Of one text, and of all that is written for one prompt."""
MOST_VALUES = 200_000
"""Of a list with the lists in it."""
MOST_NUMBER = 1_000_000
"""The largest width, count or indent that a function is called with."""
MOST_INDENT = 100
MOST_BITS = 4096
LONGEST_TEMPLATE = 2 * 1024 * 1024
"""Characters of a template; the longest known have 50,000."""
_WIDTH = re.compile(r"%[-#0 +]*+(?:\d{7}|\*|\d*\.(?:\d{7}|\*))|\{[^{}]{0,80}:[^{}]{0,8}(?:\d{7}|\{)")
"""A width or precision in a format that is large, or that stands in an argument."""
_FORMATS = ("format", "do_format", "format_map")
_MULTIPLY = ("replace", "do_replace", "join", "do_join", "indent", "do_indent", "wordwrap", "do_wordwrap", "expandtabs")
"""Functions whose result may be as long as the product of what they are given."""


class LimitError(Exception):
    """A template is beyond a limit. No UserError: whoever renders it names the template."""


@dataclass(slots=True)
class _Budget:
    steps: int
    characters: int
    end: float


_current = threading.local()


@contextmanager
def limited() -> Iterator[None]:
    """Give the templates that are rendered inside a budget of their own."""
    outer = getattr(_current, "budget", None)
    _current.budget = _Budget(MOST_STEPS, MOST_CHARACTERS, time.thread_time() + MOST_SECONDS)
    try:
        yield
    finally:
        _current.budget = outer


def step() -> None:
    """Count one step. Raises LimitError."""
    budget: _Budget | None = getattr(_current, "budget", None)
    if budget is None:
        return
    budget.steps -= 1
    if budget.steps < 0:
        raise LimitError(f"it takes more than {MOST_STEPS:,} steps for one prompt")
    if time.thread_time() > budget.end:
        raise LimitError(f"it takes more than {MOST_SECONDS:.0f} seconds for one prompt")


def checked(value: Any) -> Any:
    """Return a value that is no larger than values may be. Raises LimitError."""
    if isinstance(value, str | bytes):
        if len(value) > MOST_CHARACTERS:
            raise _too_long()
    elif isinstance(value, list | tuple | Mapping):
        _check_size(value)
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _too_large()
    return value


def written(value: Any) -> Any:
    """Count what is written, and return it. Raises LimitError."""
    step()
    budget: _Budget | None = getattr(_current, "budget", None)
    if budget is not None:
        budget.characters -= len(value) if isinstance(value, str) else 1
        if budget.characters < 0:
            raise _too_long()
    return checked(value)


def check_call(name: str, arguments: tuple[Any, ...]) -> None:
    """Raise LimitError if a function of this name could make too much of these arguments; its own text is one of them."""
    step()
    size = 1
    for each in arguments:
        if isinstance(each, int | float) and not isinstance(each, bool):
            if not -MOST_NUMBER <= each <= MOST_NUMBER:
                raise LimitError(f"it calls a function with a number beyond {MOST_NUMBER:,}")
            size *= max(1, int(abs(each)))
        elif isinstance(each, str):
            size *= max(1, len(each))
        elif isinstance(each, list | tuple | Mapping):
            size *= max(1, _check_size(each))
    if name in _MULTIPLY and size > MOST_CHARACTERS * 16:
        raise _too_long()
    if name in _FORMATS:
        check_format(next((each for each in arguments if isinstance(each, str)), ""))


def check_format(text: str) -> None:
    """Raise LimitError for a format with a large width or precision (`%999999999d`, `{:>999999999}`)."""
    if _WIDTH.search(text):
        raise LimitError(f"it formats with a width beyond {MOST_NUMBER:,}")


def check_product(left: Any, right: Any) -> None:
    """Raise LimitError if `left * right` would be too large."""
    for text, times in ((left, right), (right, left)):
        if isinstance(text, str | list | tuple | bytes) and isinstance(times, int):
            most = MOST_CHARACTERS if isinstance(text, str | bytes) else MOST_VALUES
            if len(text) * times > most:
                raise _too_long()
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MOST_BITS:
        raise _too_large()


def check_power(left: Any, right: Any) -> None:
    """Raise LimitError if `left ** right` would be too large."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MOST_BITS:
        raise _too_large()


def with_limits(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, its arguments and its result checked."""

    @wraps(function)
    def limited_filter(*arguments: Any, **named: Any) -> Any:
        if name == "join":  # what a generator gives is known only when it is a list
            arguments = tuple(list(each) if isinstance(each, Iterator) else each for each in arguments)
        check_call(name, (*arguments, *named.values()))
        if name == "sum" and any(isinstance(each, str | list | tuple) for each in (*arguments[2:], named.get("start"))):
            raise LimitError("it adds up lists")
        if name == "tojson" and (named.get("indent") or 0) > MOST_INDENT:
            raise LimitError(f"it indents by more than {MOST_INDENT}")
        return checked(function(*arguments, **named))

    return limited_filter


def _check_size(value: Any) -> int:
    """Return how many values and characters there are in lists in lists. Raises LimitError for too many.

    The same list may be in a list many times, so that few steps would make more values than there is memory to write them.
    """
    values = characters = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        values += 1
        if isinstance(each, str | bytes):
            characters += len(each)
        elif isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            waiting += each
        if values + len(waiting) > MOST_VALUES or characters > MOST_CHARACTERS:
            raise LimitError(f"it makes a list of more than {MOST_VALUES:,} values or {MOST_CHARACTERS:,} characters")
    return values + characters


def _too_long() -> LimitError:
    return LimitError(f"it makes a text of more than {MOST_CHARACTERS:,} characters")


def _too_large() -> LimitError:
    return LimitError("it computes with a number that is too large")
