"""The tables that a store should have: what the migrations make, as SQLite itself describes it.

The structure is compared, not the text of the statements: SQLite rewrites that when a table changes, and comments in it differ
between versions of qtui.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from qtui.store import thoughts
from qtui.store.schema import MIGRATIONS


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """INTEGER, REAL, TEXT or BLOB."""
    is_required: bool
    """Whether it cannot be NULL."""
    default: str | None
    """As an SQL literal; None if it has none."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns of the primary key: `id`, or several of a table without row ids."""
    uniques: tuple[tuple[str, ...], ...]
    """The columns of its UNIQUE constraints."""
    parents: tuple[tuple[str, str], ...]
    """(column, table whose id it is)."""

    @property
    def has_row_ids(self) -> bool:
        return len(self.key) == 1


def tables(version: int = len(MIGRATIONS)) -> dict[str, Table]:
    """Return the tables of a version of the schema by name, parents before their children."""
    return dict(_tables(version))


def indexes(version: int = len(MIGRATIONS)) -> frozenset[tuple[str, str, tuple[str, ...]]]:
    """Return (name, table, columns) of the indexes of a version of the schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, version)
        return frozenset(_indexes(connection))


def create(connection: sqlite3.Connection, version: int = len(MIGRATIONS)) -> None:
    """Create the tables of a version of the schema in an empty database."""
    thoughts.add_functions(connection)
    for script in MIGRATIONS[:version]:
        connection.executescript(script)


def differences(connection: sqlite3.Connection, version: int = len(MIGRATIONS)) -> list[str]:
    """Return what the tables of a database lack, have in another form, or have besides those of a version; a sentence each.

    Raises sqlite3.DatabaseError if the schema cannot be read.
    """
    found = _tables_of(connection)
    expected = tables(version)
    lines = [f"table {name} is missing" for name in expected if name not in found]
    lines += [f"{kind} {name} is none of qtui's" for kind, name in _others(connection, expected)]
    for name in expected.keys() & found.keys():
        lines += _differing_columns(expected[name], found[name])
        if found[name].uniques != expected[name].uniques or found[name].key != expected[name].key:
            lines.append(f"table {name} has other keys than it should have")
        if found[name].parents != expected[name].parents:
            lines.append(f"table {name} refers to other tables than it should")
    present = frozenset(_indexes(connection))
    lines += [f"index {name} is missing or has other columns" for name, *_ in sorted(indexes(version) - present)]
    return sorted(lines)


def columns_of(connection: sqlite3.Connection, name: str) -> Table:
    """Return a table as it is in a database, without its UNIQUE constraints and parents. Takes microseconds."""
    infos = _rows(connection, f"PRAGMA table_info({_quoted(name)})")
    columns = tuple(Column(row[1], row[2], bool(row[3] or row[5]), row[4]) for row in infos)
    key = tuple(row[1] for row in sorted((row for row in infos if row[5]), key=lambda row: int(row[5])))
    return Table(name, columns, key, (), ())


@lru_cache(maxsize=4)
def _tables(version: int) -> tuple[tuple[str, Table], ...]:
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, version)
        found = _tables_of(connection)
    ordered: dict[str, Table] = {}
    while len(ordered) < len(found):
        for name, table in found.items():
            if all(parent in ordered for _, parent in table.parents):
                ordered.setdefault(name, table)
    return tuple(ordered.items())


def _tables_of(connection: sqlite3.Connection) -> dict[str, Table]:
    names = _rows(
        connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {str(row[0]): _table(connection, str(row[0])) for row in names}


def _table(connection: sqlite3.Connection, name: str) -> Table:
    found = columns_of(connection, name)
    uniques = sorted(
        _columns_of_index(connection, row[1])
        for row in _rows(connection, f"PRAGMA index_list({_quoted(name)})")
        if row[2] and row[3] == "u"
    )
    parents = sorted((row[3], row[2]) for row in _rows(connection, f"PRAGMA foreign_key_list({_quoted(name)})"))
    return replace(found, uniques=tuple(uniques), parents=tuple(parents))


def _indexes(connection: sqlite3.Connection) -> list[tuple[str, str, tuple[str, ...]]]:
    named = _rows(connection, "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return [(name, table, _columns_of_index(connection, name)) for name, table in named]


def _columns_of_index(connection: sqlite3.Connection, name: str) -> tuple[str, ...]:
    return tuple(str(row[2]) for row in _rows(connection, f"PRAGMA index_info({_quoted(name)})"))


def _others(connection: sqlite3.Connection, expected: dict[str, Table]) -> list[tuple[str, str]]:
    known = {*expected, *(name for name, *_ in indexes())}
    rows = _rows(
        connection, "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    return [(str(kind), str(name)) for kind, name in rows if name not in known]


def _differing_columns(expected: Table, found: Table) -> list[str]:
    present = {column.name: column for column in found.columns}
    wanted = {column.name: column for column in expected.columns}
    missing = [f"table {expected.name} lacks its column {name}" for name in wanted if name not in present]
    other = [
        f"table {expected.name} has a column {name} that is none of qtui's" for name in present if name not in wanted
    ]
    differing = [
        f"column {name} of table {expected.name} is not defined as it should be"
        for name, column in wanted.items()
        if name in present and present[name] != column
    ]
    return missing + other + differing


def _rows(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor(sqlite3.Cursor)
    cursor.row_factory = None
    return cursor.execute(sql).fetchall()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
