"""Finding the line of a key in a TOML file, for errors: the standard parser keeps no positions.

Reads the usual forms (tables, arrays of tables, keys on lines of their own). If a key is not found, the result is None, and the
error names only the key.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache

HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")

Location = tuple[str | int, ...]


def line_of(text: str, location: Sequence[str | int]) -> int | None:
    """The 1-based line of the key at `location` (as pydantic names it: `("models", 0, "variants", 1, "engine")`).

    A key that is missing in the file gets the line of the nearest table around it.
    """
    lines, first_inside = _lines(text)
    nearest: Location = tuple(location)
    while nearest:
        if nearest in lines:
            return lines[nearest]
        if nearest in first_inside:
            return first_inside[nearest]  # a list of tables, or a table with a header only below it
        nearest = nearest[:-1]
    return None


@lru_cache(maxsize=4)
def _lines(text: str) -> tuple[dict[Location, int], dict[Location, int]]:
    """The lines of keys, and of the first key inside each place. A text with many problems is looked through only once."""
    lines = _key_lines(text)
    first_inside: dict[Location, int] = {}
    for place, line in lines.items():
        for size in range(1, len(place)):
            first_inside[place[:size]] = min(line, first_inside.get(place[:size], line))
    return lines, first_inside


def _key_lines(text: str) -> dict[Location, int]:
    lines: dict[Location, int] = {}
    counts: dict[Location, int] = {}
    table: Location = ()
    closing = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            closing = "" if closing in line else closing
            continue
        if header := HEADER.match(line):
            table = _enter(_names(header[2]), header[1] == "[[", counts)
            lines.setdefault(table, number)
        elif key := KEY.match(line):
            lines.setdefault(table + _names(key[1]), number)
            closing = _open_string(line[key.end() :])
    return lines


def _enter(names: Location, is_array: bool, counts: dict[Location, int]) -> Location:
    """The location of a table header, with an index for each array of tables in it."""
    table: Location = ()
    for name in names[:-1]:
        table += (name,)
        if table in counts:
            table += (counts[table] - 1,)
    table += names[-1:]
    if is_array:
        counts[table] = counts.get(table, 0) + 1
        for inner in [each for each in counts if each[: len(table)] == table and len(each) > len(table)]:
            if inner[len(table)] == counts[table] - 1:
                del counts[inner]
        table += (counts[table] - 1,)
    return table


def _names(dotted: str) -> Location:
    return tuple(_name(part.strip()) for part in dotted.split("."))


def _name(part: str) -> str:
    """A part of a key. In double quotes TOML has the escape sequences of JSON."""
    try:
        return str(json.loads(part)) if part.startswith('"') else part.strip("'\"")
    except ValueError:
        return part.strip('"')


def _open_string(value: str) -> str:
    """The quotes that must still close a multi-line string after this line; empty if none is open."""
    for quotes in ('"""', "'''"):
        if value.count(quotes) == 1:
            return quotes
    return ""
