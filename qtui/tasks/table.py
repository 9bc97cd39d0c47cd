"""The records of a task file and the names of its columns, whatever the file's format is."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.errors import UserError

NAMES_SHOWN = 12
LONGEST_NAME = 40
"""Characters of a column's name in a message: the first line of a table without a header is a task."""


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a file. `where` is `file:line`, for messages."""

    where: str
    values: Mapping[str, Any]

    def missing(self, key: str) -> UserError:
        return UserError(f"{self.where}: no {quoted(key)} (keys: {listed(self.values)})")

    def wrong_type(self, key: str, expected: str) -> UserError:
        return UserError(f"{self.where}: {quoted(key)} is {type_name(self.values[key])}, not {expected}")


@dataclass(frozen=True, slots=True)
class Table:
    """A file's records in order."""

    path: Path
    records: tuple[Record, ...]
    columns: tuple[str, ...]
    """The names of all its columns in their order, also of columns that were not read."""
    notes: tuple[str, ...] = ()
    """How the file was read, where a reader could expect something else: its encoding, its separator."""
    can_be_mapped: bool = True
    """Whether an experiment names the file, which can say what its columns are; an importer has no such place."""
    unread: tuple[str, ...] = ()
    """Columns whose values were not read from the file, because nothing needs them."""
    repeated: frozenset[str] = frozenset()
    """Names that a header has more than once: only the last of these columns is in the records."""


def columns_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The keys of all records in the order in which they first appear."""
    return tuple(dict.fromkeys(key for record in records for key in record.values))


def listed(names: Iterable[str]) -> str:
    """The names of columns for a message."""
    every = [shown(name) for name in names]
    more = f", and {len(every) - NAMES_SHOWN} more" if len(every) > NAMES_SHOWN else ""
    return (", ".join(every[:NAMES_SHOWN]) or "none") + more


def quoted(name: str) -> str:
    return f'"{shown(name)}"'


def shown(name: str) -> str:
    """A column's name for a message, escaped as in JSON if not printable: it comes from a foreign file."""
    plain = name if name.isprintable() else json.dumps(name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[:LONGEST_NAME]}…"


def type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "an object"
