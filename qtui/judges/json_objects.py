"""The JSON objects in a text, each with its place, and the prose around them.

Objects are decoded by the standard library. What only looks like JSON stays prose, and an object inside brackets that are not JSON
is *nested*: it is a part of something that could not be read.
"""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object (or list) of JSON at `text[start:end]`."""

    value: dict[str, Any] | list[Any]
    start: int
    end: int
    is_nested: bool
    """Whether it stands inside brackets that are no JSON, for instance inside an object that was cut off."""


def json_objects(text: str) -> list[JsonObject]:
    """Return the outermost objects and lists in order. An object that has a key twice is no JSON here: which one counts is unknown.

    Raises RecursionError as `decode` does.
    """
    found: list[JsonObject] = []
    position = depth = 0
    while position < len(text):
        if text[position] in "{[":
            read = decode(text, position)
            if read is None:
                depth += 1
            else:
                found.append(JsonObject(read[0], position, read[1], depth > 0))
                position = read[1]
                continue
        elif text[position] in "}]":
            depth = max(0, depth - 1)
        position += 1
    return found


def decode(text: str, start: int) -> tuple[dict[str, Any] | list[Any], int] | None:
    """Return the object or list that begins at `start`, and where it ends; None if there is no JSON.

    Raises RecursionError for thousands of brackets in one another: trying each of them would take minutes.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except ValueError:
        return None
    return (value, end) if isinstance(value, dict | list) else None


def prose(text: str, objects: list[JsonObject]) -> str:
    """Return the text without the objects, a line break in place of each."""
    starts = [0, *(each.end for each in objects)]
    ends = [*(each.start for each in objects), len(text)]
    return "\n".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a key twice")
    return read


# Not strict: models write line breaks into strings without escaping them, and that changes no grade.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_without_repeated_keys)
