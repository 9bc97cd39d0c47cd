"""Which line of a TOML file a key stands on. The standard parser keeps no positions, and an error without a line is a search.

Reads the forms that people write (tables, arrays of tables, keys on lines of their own); where it does not find a key it says
so with None, and the error names the key alone.
"""

import re
from collections.abc import Sequence

HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*=")

Location = tuple[str | int, ...]


def line_of(text: str, location: Sequence[str | int]) -> int | None:
    """The 1-based line of the key at `location` (as pydantic names it: `("models", 0, "variants", 1, "engine")`).

    A key that is not in the file (a missing one) gets the line of the nearest table around it.
    """
    lines = _key_lines(text)
    wanted: Location = tuple(location)
    while wanted:
        if wanted in lines:
            return lines[wanted]
        wanted = wanted[:-1]
    return None


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
    """The location of a table header, with the index of each array of tables on the way."""
    table: Location = ()
    for name in names[:-1]:
        table += (name,)
        if table in counts:
            table += (counts[table] - 1,)
    table += names[-1:]
    if is_array:
        counts[table] = counts.get(table, 0) + 1
        for inner in [known for known in counts if known[: len(table)] == table and len(known) > len(table)]:
            if inner[len(table)] == counts[table] - 1:
                del counts[inner]
        table += (counts[table] - 1,)
    return table


def _names(dotted: str) -> Location:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _open_string(value: str) -> str:
    """The quotes that a multi-line string still waits for at the end of the line."""
    for quotes in ('"""', "'''"):
        if value.count(quotes) == 1:
            return quotes
    return ""
