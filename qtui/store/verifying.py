"""Whether a store is whole: its pages, its tables, what refers to what, every row, and every key that follows from content.

Nothing is changed or migrated. What is wrong is a *problem*; rows that no run shows (of a run that was deleted) are none, and are
counted.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.store import connection as opening
from qtui.store import damage, errors, expected_schema, row_rules, stored_keys
from qtui.store.damage import Problem
from qtui.store.errors import StoreError
from qtui.store.expected_schema import Table
from qtui.store.recomputing import Fingerprints, Recompute
from qtui.store.schema import APPLICATION_ID, MIGRATIONS

MOST_MESSAGES = 100
"""Messages of SQLite's own check, and problems per table, that are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in a store."""

    path: Path
    version: int
    """Of its schema."""
    problems: tuple[Problem, ...]
    unlisted: int
    """Problems that were counted only."""
    rows: Mapping[str, int]
    """Rows that were read, by table."""
    unused: Mapping[str, int]
    """Rows that no run shows, by table. No problem: a later run may use them."""
    keys: Mapping[str, int]
    """Keys and fingerprints that were computed again from the content and are right, by what they are of."""
    unproven: Mapping[str, int]
    """Keys and fingerprints that the content alone does not give, by what they are of."""

    @property
    def is_whole(self) -> bool:
        return not self.problems


def verify(path: Path, recompute: Recompute | None = None) -> Verification:
    """Look through a store; without `recompute`, fingerprints are not computed again.

    Raises StoreError if it cannot be read at all, is none, or is of a newer qtui."""
    path = opening.named_store(path)
    if not path.exists():
        raise StoreError(f"{path}: no store there.")
    try:
        with damage.reading(path) as connection:
            return _Verifier(path, connection, recompute).verify()
    except errors.SQLITE as error:
        errors.raise_translated(error, path)


class _Verifier:
    def __init__(self, path: Path, connection: sqlite3.Connection, recompute: Recompute | None) -> None:
        self._path, self._connection, self._recompute = path, connection, recompute
        connection.row_factory = sqlite3.Row
        self._problems: list[Problem] = []
        self._unlisted = 0
        self._rows: dict[str, int] = {}

    def verify(self) -> Verification:
        version = self._version()
        tables = expected_schema.tables(version)
        self._pages()
        self._schema(version)
        for table in tables.values():
            self._rows[table.name] = self._table(table)
        self._references()
        keys = stored_keys.Keys()
        if not self._problems:
            self._add(keys.wrong(self._connection))
            self._add(Fingerprints(keys.right, keys.unproven, self._recompute).wrong(self._connection))
        return Verification(
            self._path,
            version,
            tuple(self._problems),
            self._unlisted,
            self._rows,
            self._unused(),
            keys.right,
            keys.unproven,
        )

    def _version(self) -> int:
        """The version of the schema. Raises StoreError for what is no store, and for a newer one."""
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        is_ours = self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        opening.check_version(self._path, version, is_ours=is_ours)
        if version <= 0:
            self._add([Problem("schema", "", "", f"the header says that its tables have version {version}")])
            return len(MIGRATIONS)
        return version

    def _add(self, problems: "Iterator[Problem] | list[Problem]") -> None:
        for number, problem in enumerate(problems):
            if number < MOST_MESSAGES:
                self._problems.append(problem)
            else:
                self._unlisted += 1

    def _pages(self) -> None:
        try:
            rows = self._connection.execute(f"PRAGMA integrity_check({MOST_MESSAGES})").fetchall()
        except errors.SQLITE as error:
            rows = [(damage.in_words(error),)]
        self._add([Problem("pages", "", "", " ".join(str(row[0]).split())) for row in rows if row[0] != "ok"])

    def _schema(self, version: int) -> None:
        try:
            self._add(
                [Problem("schema", "", "", line) for line in expected_schema.differences(self._connection, version)]
            )
        except errors.SQLITE as error:
            self._add([Problem("schema", "", "", f"its list of tables cannot be read, {damage.in_words(error)}")])

    def _table(self, table: Table) -> int:
        """Check the rows of a table, and return how many were read."""
        count = 0

        def problems() -> Iterator[Problem]:
            nonlocal count
            try:
                for row in self._connection.execute(f"SELECT * FROM {table.name} NOT INDEXED"):
                    count += 1
                    found = row_rules.as_mapping(row)
                    for column, wrong in row_rules.broken(table, found):
                        yield Problem("row", table.name, row_rules.key_label(table, found), f"{column} {wrong}")
            except errors.SQLITE as error:
                yield Problem("pages", table.name, "", f"cannot be read whole, {damage.in_words(error)}")

        self._add(problems())
        return count

    def _references(self) -> None:
        def problems() -> Iterator[Problem]:
            try:
                for row in self._connection.execute("PRAGMA foreign_key_check"):
                    name = f"row {row[1]}" if row[1] is not None else ""
                    yield Problem("reference", row[0], name, f"refers to a row of {row[2]} that does not exist")
            except errors.SQLITE as error:
                yield Problem("reference", "", "", f"cannot be followed, {damage.in_words(error)}")

        self._add(problems())

    def _unused(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for table, condition in UNUSED.items():
            try:
                row = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()
            except errors.SQLITE:
                continue  # a problem of the schema or of pages, which is listed
            if row[0]:
                found[table] = int(row[0])
        return found


_LINKED = "NOT EXISTS (SELECT 1 FROM variant_answer va WHERE va.answer_id = {0}.answer_id AND va.task_id = {0}.task_id)"
UNUSED: Mapping[str, str] = {
    "task_set": "NOT EXISTS (SELECT 1 FROM run WHERE run.task_set_id = task_set.id)",
    "answer": "NOT EXISTS (SELECT 1 FROM variant_answer va WHERE va.answer_id = answer.id)",
    "grade": _LINKED.format("grade"),
    "score": _LINKED.format("score"),
    "preference": "NOT EXISTS (SELECT 1 FROM variant_answer va WHERE va.answer_id = preference.first_id"
    " AND va.task_id = preference.task_id) OR NOT EXISTS (SELECT 1 FROM variant_answer va"
    " WHERE va.answer_id = preference.second_id AND va.task_id = preference.task_id)",
    "divergence": "NOT EXISTS (SELECT 1 FROM variant_divergence vd WHERE vd.divergence_id = divergence.id)",
}
"""By table the condition of a row that no run shows."""


def as_json(found: Verification) -> dict[str, Any]:
    """Return the form of `--json`."""
    return {
        "store": str(found.path),
        "schema": found.version,
        "whole": found.is_whole,
        "problems": [
            {"kind": each.kind, "table": each.table or None, "row": each.row or None, "what": each.what}
            for each in found.problems
        ],
        "unlisted_problems": found.unlisted,
        "rows": dict(found.rows),
        "unused_rows": dict(found.unused),
        "right_keys": dict(found.keys),
        "unproven_keys": dict(found.unproven),
    }
