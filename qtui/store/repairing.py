"""Saving what is whole in a damaged store into a new one, table by table and row by row. The damaged file is only read.

A row is saved if it can be read and holds to the rules of its table (`row_rules`). A cell that breaks one gets the value of a new
row, if its column has such a value; else the row is lost. Then rows are lost that refer to a lost one. Every loss is counted and
said.
"""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtui.errors import NO_SPACE, words_of
from qtui.files import named_path, private_files
from qtui.records import TaskSet
from qtui.store import backups, damage, errors, expected_schema, row_rules, stored_keys
from qtui.store import connection as opening
from qtui.store.errors import NoSpaceError, StoreError
from qtui.store.expected_schema import Table
from qtui.store.pages import Pages
from qtui.store.schema import APPLICATION_ID, MIGRATIONS

MOST_EXAMPLES = 5
"""Losses of a table that are listed one by one."""
SUBSTITUTES: Mapping[tuple[str, str], Any] = {
    ("task_set", "name"): "saved",
    ("task", "reference"): "", ("task", "criteria"): "",
    ("run", "definition"): "", ("run", "state"): "failed", ("run", "created"): 0.0, ("run", "experiment"): "saved",
    ("variant", "conditions"): "{}", ("variant", "engine"): "unknown", ("variant", "precision"): "unknown",
    ("variant", "weights"): "unknown", ("variant", "expected"): 0, ("variant", "is_baseline"): 0,
    ("answer", "finish_reason"): "unknown", ("answer", "created"): 0.0,
    ("judge", "settings"): "{}", ("judge", "takes"): 1,
    ("grade", "reason"): "", ("grade", "created"): 0.0, ("score", "reason"): "", ("score", "created"): 0.0,
    ("preference", "reason"): "", ("preference", "created"): 0.0,
    ("outdated_grade", "reason"): "", ("outdated_grade", "created"): 0.0, ("divergence", "created"): 0.0,
    ("made", "changed"): 0.0,
}  # fmt: skip
"""What a cell becomes whose content is lost, where its column has no default and the row is worth more than the cell."""


@dataclass(slots=True)
class SavedTable:
    """What was saved of a table."""

    saved: int = 0
    changed: int = 0
    """Saved rows with a cell that was lost."""
    lost: int = 0
    """Rows that were seen and could not be saved. Rows on pages that cannot be read are not among them: nobody knows how many."""
    is_partly_unreadable: bool = False
    """Whether pages of the table could not be read."""
    examples: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(line)


@dataclass(frozen=True, slots=True)
class Repair:
    source: Path
    target: Path
    tables: Mapping[str, SavedTable]

    @property
    def is_complete(self) -> bool:
        return not any(each.lost or each.changed or each.is_partly_unreadable for each in self.tables.values())


def repair(source: Path, target: Path) -> Repair:
    """Save a store into a new one. Raises StoreError if `target` exists or cannot be written, or if nothing could be saved."""
    source = opening.named_store(source)
    target = named_path.expanded(target).absolute()
    if not source.exists():
        raise StoreError(f"{source}: no store there.")
    if target.exists():
        raise StoreError(f"{target}: exists already. Name another file with --to FILE.")
    try:
        private_files.private_folder(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            new = Path(folder) / "new.sqlite"
            tables = _save(source, new, Path(folder))
            if not any(table.saved for table in tables.values()):
                raise StoreError(
                    f"{source}: nothing in it could be saved. If it is a store, its tables are empty or all lost."
                )
            backups.put_in_place(new, target)
    except errors.SQLITE as error:
        errors.raise_translated(error, target)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise NoSpaceError(target) from error
        raise StoreError(f"{error.filename or target}: {words_of(error)}") from error
    return Repair(source, target, tables)


def _save(source: Path, new: Path, folder: Path) -> dict[str, SavedTable]:
    version, roots = _contents(source)
    with (
        closing(Pages(source.resolve(), folder)) as pages,
        closing(sqlite3.connect(new, isolation_level=None)) as connection,
    ):
        expected_schema.create(connection, version)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("BEGIN")
        saver = _Saver(pages, connection, version)
        saver.save_all(roots)
        connection.execute("COMMIT")
    new.chmod(private_files.FILE_MODE)
    opening.upgrade_new(new)
    return saver.saved


def _contents(source: Path) -> tuple[int, dict[str, list[int]]]:
    """Return the version of the schema, and the pages where the tree of each table may begin, the likeliest first.

    A damaged file may not say. The tables of a new store begin where those of every store do that was created in this version.
    """
    version, roots = len(MIGRATIONS), dict[str, list[int]]()
    try:
        with damage.reading(source) as connection:
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            version = found if 0 < found <= len(MIGRATIONS) else version
            connection.execute("PRAGMA writable_schema = ON")  # reads also a schema with damaged texts
            for name, root in connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"):
                if isinstance(root, int):
                    roots.setdefault(str(name), []).append(root)
    except errors.SQLITE:
        pass
    with closing(sqlite3.connect(":memory:")) as fresh:
        expected_schema.create(fresh, version)
        for name, root in fresh.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"):
            if not roots.get(name):
                roots[name] = [root]
    return version, roots


class _Saver:
    def __init__(self, pages: Pages, connection: sqlite3.Connection, version: int) -> None:
        self._pages, self._connection = pages, connection
        self._tables = expected_schema.tables(version)
        self.saved = {name: SavedTable() for name in self._tables}

    def save_all(self, roots: Mapping[str, list[int]]) -> None:
        reached: set[int] = set()
        for name, table in self._tables.items():
            for root in roots.get(name, []):
                leaves = list(self._pages.leaves(root))
                reached.update(leaves)
                for row in self._rows(table, root, leaves):
                    self._put(table, row_rules.as_mapping(row))
        self._save_lost_leaves(reached)
        self._name_task_sets()
        for table in self._tables.values():
            self._drop_orphans(table)

    def _rows(self, table: Table, root: int, leaves: list[int]) -> Iterator[sqlite3.Row]:
        """Yield the rows of a table: at one go if its tree is whole, else leaf by leaf."""
        try:
            rows = list(self._pages.rows(table, root))
        except errors.SQLITE:
            self.saved[table.name].is_partly_unreadable = True
            for leaf in leaves:
                yield from self._pages.rows_of_leaf(table, leaf)
        else:
            yield from rows

    def _save_lost_leaves(self, reached: set[int]) -> None:
        """Save the rows of leaves that no tree leads to any more. The table is the one whose rules all rows of the leaf hold to."""
        for leaf in self._pages.all_leaves():
            if leaf in reached:
                continue
            fitting = [(table, rows) for table in self._tables.values() if (rows := self._fitting_rows(table, leaf))]
            if len(fitting) == 1:
                table, rows = fitting[0]
                before = self.saved[table.name].saved
                for row in rows:
                    self._put(table, row, is_quiet=True)
                if self.saved[table.name].saved > before:
                    self.saved[table.name].is_partly_unreadable = True

    def _fitting_rows(self, table: Table, leaf: int) -> list[dict[str, Any]]:
        if not table.has_row_ids:
            return []
        rows = [row_rules.as_mapping(row) for row in self._pages.rows_of_leaf(table, leaf)]
        return [] if any(True for row in rows for _ in row_rules.broken(table, row)) else rows

    def _put(self, table: Table, row: dict[str, Any], *, is_quiet: bool = False) -> None:
        """Save a row, with substitutes for lost cells, unless one of these is needed."""
        saved, wrong = self.saved[table.name], dict(row_rules.broken(table, row))
        label = row_rules.key_label(table, row)
        for column, what in wrong.items():
            if not _substitute(table, column, row):
                saved.lost += 1
                saved.note(f"{label}: {column} {what}")
                return
        names = ", ".join(f'"{name}"' for name in row)
        try:
            done = self._connection.execute(
                f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({','.join('?' * len(row))})", tuple(row.values())
            )
        except sqlite3.IntegrityError as error:
            saved.lost += 1
            saved.note(f"{label}: {error}")
            return
        if done.rowcount:
            saved.saved += 1
            saved.changed += bool(wrong)
            for column, what in wrong.items():
                saved.note(f"{label}: {column} {what}; it is saved without")
        elif not is_quiet:
            saved.lost += 1
            saved.note(f"{label}: another row has its key")

    def _name_task_sets(self) -> None:
        """Give tasks whose task set is lost a new one: its hash follows from the tasks, its name does not."""
        ids = self._connection.execute(
            "SELECT DISTINCT task_set_id FROM task WHERE task_set_id NOT IN (SELECT id FROM task_set) ORDER BY task_set_id"
        ).fetchall()
        self._connection.row_factory = sqlite3.Row
        for (task_set_id,) in ids:
            rows = self._connection.execute(
                "SELECT * FROM task WHERE task_set_id = ? ORDER BY position", (task_set_id,)
            ).fetchall()
            tasks = TaskSet("", tuple(stored_keys.task_of(row) for row in rows))
            done = self._connection.execute(
                "INSERT OR IGNORE INTO task_set (id, hash, name) VALUES (?,?,?)",
                (task_set_id, tasks.hash, f"saved {task_set_id}"),
            )
            self.saved["task_set"].changed += done.rowcount
            self.saved["task_set"].saved += done.rowcount
            self.saved["task_set"].note(f"row {task_set_id}: was lost; its name is new")
        self._connection.row_factory = None

    def _drop_orphans(self, table: Table) -> None:
        """Remove the rows that refer to a lost row, or their reference where the column may be empty."""
        saved = self.saved[table.name]
        required = {column.name: column.is_required for column in table.columns}
        dropped: Counter[str] = Counter()
        for column, parent in table.parents:
            condition = f"{column} IS NOT NULL AND {column} NOT IN (SELECT {self._tables[parent].key[0]} FROM {parent})"
            if required[column]:
                dropped[parent] += self._connection.execute(f"DELETE FROM {table.name} WHERE {condition}").rowcount
            else:
                saved.changed += self._connection.execute(
                    f"UPDATE {table.name} SET {column} = NULL WHERE {condition}"
                ).rowcount
        for parent, count in dropped.items():
            if count:
                saved.saved -= count
                saved.lost += count
                saved.note(f"{count} refer to a lost row of {parent}")


def _substitute(table: Table, column: str, row: dict[str, Any]) -> bool:
    """Replace a lost cell by what it is in a new row. Return false if there is nothing such."""
    if (table.name, column) in SUBSTITUTES:
        value = SUBSTITUTES[table.name, column]
        row[column] = f"{value} {row['id']}" if column == "experiment" else value
        return True
    definition = next(each for each in table.columns if each.name == column)
    if definition.default is not None:
        row.pop(column)  # the table has the default
        return True
    if not definition.is_required:
        row[column] = None
        return True
    return False
