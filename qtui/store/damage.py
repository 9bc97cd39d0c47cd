"""Damage: finding the row of a store that is not as it should be, after something failed that reads it.

Reading checks little, so that it is fast. When SQLite or Python stumbles over what was read, the store is looked through here, on a
connection of its own that only reads: either a damaged row, page or table is named, or the failure has another cause.
"""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.store import errors, expected_schema, row_rules
from qtui.store.errors import StoreDamagedError, StoreError
from qtui.store.expected_schema import Table
from qtui.store.schema import MIGRATIONS

DIAGNOSIS_SECONDS = 20.0
"""A store that is larger than can be looked through in this time counts as whole in what was not seen."""
STEPS_BETWEEN_LOOKS = 20_000
opened: set[Path] = set()
"""The stores that this process has opened."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that breaks rules."""

    row: str
    """Its table and key."""
    columns: tuple[tuple[str, str], ...]
    """(column, what is wrong with it)."""

    def __str__(self) -> str:
        return f"{self.row}: " + ", ".join(f"{column} {wrong}" for column, wrong in self.columns)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a store that is not as qtui wrote it."""

    kind: str
    """pages, schema, row, reference, or key."""
    table: str
    """Empty if it is not of one table."""
    row: str
    """Its key, as `row 3`; empty if it is not of one row."""
    what: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, (self.table and f"table {self.table}", self.row)))
        return f"{place}: {self.what}" if place else self.what


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that may be damaged, to read what is in it. Nothing is checked, migrated, or changed.

    Texts that are not UTF-8 are `row_rules.Undecodable`. Raises sqlite3.Error.
    """
    uri = path.resolve().as_uri()
    try:
        connection = _opened(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        connection = _opened(f"{uri}?mode=ro&immutable=1")
    with closing(connection):
        yield connection


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = row_rules.decode_text
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        raise
    except errors.SQLITE:
        pass  # a damaged schema: what can still be asked is asked
    return connection


def cause_of(error: BaseException, path: Path | None = None) -> StoreDamagedError | None:
    """Return the damage of a store that explains an unexpected exception; None if it is whole.

    `path`: the store that was read, where that is known. Without one, every store that this process has opened is looked through.
    """
    if not isinstance(error, Exception) or isinstance(error, StoreError | OSError | MemoryError):
        return error if isinstance(error, StoreDamagedError) else None
    for read in [path] if path else sorted(opened):
        if what := first(read):
            return StoreDamagedError(read, what)
    return None


def first(path: Path, columns: Collection[str] | None = None) -> str:
    """Return the first damage of a store, in words; empty if it is whole as far as it was seen, or is no longer there.

    With `columns`, only rows of tables are looked at that have one of these.
    """
    asked = path, tuple(sorted(columns or ())), _last_change(path)
    if asked not in _found:  # a pane that is shown asks at every change of the store, and may ask again
        _found.clear()
        _found[asked] = _first(path, columns)
    return _found[asked]


def _first(path: Path, columns: Collection[str] | None) -> str:
    end = time.monotonic() + DIAGNOSIS_SECONDS
    try:
        with reading(path) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
            return next(_damages(connection, columns, end), "")
    except sqlite3.OperationalError:
        return ""  # gone, locked, or larger than the time
    except errors.SQLITE as error:
        return in_words(error)


_found: dict[tuple[Path, tuple[str, ...], tuple[tuple[int, int], ...]], str] = {}
"""The last diagnosis."""


def _last_change(path: Path) -> tuple[tuple[int, int], ...]:
    """Return time and size of the store's files."""
    states = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):
            status = file.stat()
            states.append((status.st_mtime_ns, status.st_size))
    return tuple(states)


def in_words(error: Exception) -> str:
    """Return what SQLite says of damage, without its code."""
    return "SQLite: database disk image is malformed" if isinstance(error, UnicodeDecodeError) else f"SQLite: {error}"


def _damages(connection: sqlite3.Connection, columns: Collection[str] | None, end: float) -> Iterator[str]:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not 0 < version <= len(MIGRATIONS):
        return
    try:
        wrong = expected_schema.differences(connection, version)
    except sqlite3.OperationalError:
        raise
    except errors.SQLITE as error:
        wrong = [f"its list of tables cannot be read, {in_words(error)}"]
    yield from wrong
    for table in expected_schema.tables(version).values():
        if columns is None or any(column.name in columns for column in table.columns):
            yield from _damages_of_table(connection, table, end)
    if columns is None:
        yield from (str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)") if row[0] != "ok")


def _damages_of_table(connection: sqlite3.Connection, table: Table, end: float) -> Iterator[str]:
    try:
        for found in broken_rows(connection, table):
            yield str(found)
            if time.monotonic() > end:
                return
    except sqlite3.OperationalError:
        raise
    except errors.SQLITE as error:
        yield f"table {table.name} cannot be read whole, {in_words(error)}"


def broken_rows(
    connection: sqlite3.Connection, table: Table, where: str = "", values: Sequence[Any] = ()
) -> Iterator[Broken]:
    """Yield the rows of a table that break rules, those of a condition only if there is one. Raises sqlite3.Error."""
    cursor = connection.cursor(sqlite3.Cursor)
    cursor.row_factory = sqlite3.Row
    for row in cursor.execute(f"SELECT * FROM {table.name} NOT INDEXED {where}", tuple(values)):
        found = row_rules.as_mapping(row)
        if wrong := tuple(row_rules.broken(table, found)):
            yield Broken(row_rules.label(table, found), wrong)
