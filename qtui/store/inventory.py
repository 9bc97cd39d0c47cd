"""What a store consists of, without what is in it: for `qtui bugreport`."""

from collections.abc import Iterator
from dataclasses import dataclass

from qtui.store.connection import Store
from qtui.store.schema import MIGRATIONS

_PRIVATE = {
    "task": ("input", "reference", "criteria", "expected"),
    "answer": ("text", "thinking", "whole"),
    "grade": ("reason",),
    "outdated_grade": ("reason",),
    "score": ("reason",),
    "preference": ("reason",),
    "note": ("comment",),
    "run": ("definition",),
}
"""Columns with texts that people or models wrote."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """`version` is the number of migrations that the file has, `known` how many this qtui knows; `rows` are counts by table."""

    version: int
    known: int
    check: str
    """`ok`, or the first fault that SQLite finds in the file."""
    rows: dict[str, int]
    columns: dict[str, list[str]]


def inventory(store: Store) -> Inventory:
    """Return what the store consists of. Reads the whole file."""
    names = [row["name"] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return Inventory(
        version=store.execute("PRAGMA user_version").fetchone()[0],
        known=len(MIGRATIONS),
        check=str(store.execute("PRAGMA quick_check(1)").fetchone()[0]),
        rows={name: store.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in names},
        columns={name: [row["name"] for row in store.execute(f"PRAGMA table_info({_quoted(name)})")] for name in names},
    )


def private_texts(store: Store) -> Iterator[str]:
    """Yield every text that people or models wrote, one by one."""
    for table, columns in _PRIVATE.items():
        for column in columns:
            rows = store.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL AND {column} <> ''")
            yield from (str(row[0]) for row in rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
