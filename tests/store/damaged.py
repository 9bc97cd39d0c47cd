"""Damaging a store in the ways that disks, other programs and people do: a seeded mutation of a copy, which the test reads."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from qtui.store import expected_schema

PAGE = 4096
VALUES = (
    None,
    -1,
    2**60,
    3.7,
    float("inf"),
    "",
    "x",
    '{"a": [',
    "[1, 2]",
    "null",
    "{}",
    b"\x00\xff",
    "\x1b]0;owned\x07",
)
KINDS = ("cell", "text", "bytes", "zeroed page", "truncated", "schema", "table", "index", "header")


def damage(path: Path, kind: str, chance: random.Random) -> None:
    """Damage the store at `path`, whose write-ahead log is empty."""
    if kind in ("cell", "text", "table", "index", "schema"):
        with closing(sqlite3.connect(path, isolation_level=None)) as store:
            store.execute("PRAGMA foreign_keys = OFF")
            store.execute("PRAGMA ignore_check_constraints = ON")
            store.execute("PRAGMA journal_mode = DELETE")
            _damage_rows(store, kind, chance)
        return
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        content = content[: chance.randrange(len(content))]
    elif kind == "zeroed page":
        start = chance.randrange(len(content) // PAGE) * PAGE
        content[start : start + PAGE] = bytes(PAGE)
    elif kind == "header":
        content[chance.randrange(16, 100)] = chance.randrange(256)
    else:
        for _ in range(chance.choice((1, 8, 64))):
            content[chance.randrange(100, len(content))] = chance.randrange(256)
    path.write_bytes(content)


def _damage_rows(store: sqlite3.Connection, kind: str, chance: random.Random) -> None:
    tables = {name: table for name, table in expected_schema.tables().items() if _count(store, name)}
    table = tables[chance.choice(sorted(tables))]
    columns = [column for column in table.columns if column.name not in table.key]
    column = chance.choice(columns or list(table.columns))
    if kind == "table":
        store.execute(f"DROP TABLE {chance.choice(sorted(expected_schema.tables()))}")
    elif kind == "index":
        name, *_ = chance.choice(sorted(expected_schema.indexes()))
        store.execute("PRAGMA writable_schema = ON")
        other = store.execute(
            "SELECT rootpage FROM sqlite_master WHERE name <> ? AND type = 'index'", (name,)
        ).fetchone()[0]
        store.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (other, name))
    elif kind == "schema":
        store.execute("PRAGMA writable_schema = ON")
        store.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?",
            (column.name, chance.choice(("", "x", "(", "id")), table.name),
        )
    else:
        # Without the column's affinity, which would turn some values into those of the right type.
        value = bytes([0xFF, 0xFE]) if kind == "text" else chance.choice(VALUES)
        expression = "CAST(? AS TEXT)" if kind == "text" else "?"
        where = " AND ".join(f"{part} IS ?" for part in table.key)
        row = chance.choice(store.execute(f"SELECT {', '.join(table.key)} FROM {table.name}").fetchall())
        store.execute("PRAGMA writable_schema = ON")
        store.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE name = ?",
            (table.name,),
        )
        store.execute("PRAGMA writable_schema = RESET")
        store.execute(f"UPDATE OR IGNORE {table.name} SET {column.name} = {expression} WHERE {where}", (value, *row))


def _count(store: sqlite3.Connection, table: str) -> int:
    return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
