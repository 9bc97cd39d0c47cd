"""Thoughts in SQL: which answers have some, and functions that tell them from answers in texts of older versions.

Older versions stored both as one text.
"""

import sqlite3
from collections.abc import Callable
from functools import lru_cache

from qtui.thinking import Split, split

_HIDDEN = "(answer.whole IS NULL AND coalesce(answer.thinking_tokens, 0) > 0)"
HAS_THOUGHTS = f"(answer.thinking <> '' OR answer.thought_unfinished OR {_HIDDEN})"
"""Whether a model thought before an answer. An endpoint may hide thoughts and only count their tokens; empty tags are none."""


def add_functions(store: sqlite3.Connection) -> None:
    """Add the functions that the migration uses."""
    functions: dict[str, Callable[[str], str | bool]] = {
        "has_thoughts": lambda text: _split(text).has_markup,
        "begins_in_thought": lambda text: _split(text).begins_inside,
        "ends_in_thought": lambda text: _split(text).is_unfinished,
        "thoughts_in": lambda text: _split(text).thinking,
        "answer_in": lambda text: _split(text).answer,
    }
    for name, function in functions.items():
        store.create_function(name, 1, function, deterministic=True)


@lru_cache(maxsize=16)
def _split(text: str) -> Split:
    return split(text)
