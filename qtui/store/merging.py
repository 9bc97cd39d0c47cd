"""Adding everything in one store to another. What both have is one: rows are the same by content, never by their id.

Answers, grades, scores and divergences have keys, task sets a hash, runs an experiment and a plan, batches a mark. Where the two
stores differ about the same thing, the target keeps its own, and the difference is said. A second merge finds everything there.
"""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtui.errors import NO_SPACE, words_of
from qtui.store import backups, grades, judges, row_rules, verifying
from qtui.store import connection as opening
from qtui.store.connection import Store
from qtui.store.errors import NoSpaceError, StoreError

MOST_CONFLICTS = 20
"""Differences that are listed; the others are counted."""
ROWS_AT_ONCE = 500
LEFT: Mapping[str, str] = {
    "lease": "says which process works on a run: nobody works on the copy that is merged",
    "claim": "says which answers a process computes: nobody computes them for the copy",
    "making": "says what this machine's processes made; the files that they made are in the table made",
}
"""Tables that are not merged, and why."""
Row = dict[str, Any]
Ids = dict[int, int]


@dataclass(slots=True)
class Merged:
    """What came of a merge: rows that were added, by table, and sentences about what differs."""

    source: Path
    added: Counter[str] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)


def merge(source: Path, target: Path) -> Merged:
    """Add everything in `source` to `target`, which is created if it does not exist. The source is only read.

    Raises StoreError if the source is damaged, if both are one file, or if the target cannot be written; it is then unchanged.
    """
    source, target = opening.named_store(source), opening.named_store(target)
    if not source.exists():
        raise StoreError(f"{source}: no store there.")
    if target.exists() and source.samefile(target):
        raise StoreError(f"{source}: is the store that it would be merged into. Name another.")
    try:
        with tempfile.TemporaryDirectory(
            prefix="qtui-merge-", dir=target.parent if target.exists() else None
        ) as folder:
            copy = Path(folder) / "source.sqlite"
            backups.save(source, copy)
            if problems := verifying.verify(copy).problems:
                raise StoreError(
                    f"{source}: the store is damaged ({problems[0]}). Merge what `qtui repair {source}` saves of it."
                )
            opening.upgrade_new(copy)
            with closing(opening.open_store(copy, create=False)) as read, closing(opening.open_store(target)) as store:
                merger = _Merger(read, store, Merged(source))
                with store.writing():
                    merger.merge_all()
                return merger.done()
    except OSError as error:
        if error.errno in NO_SPACE:
            raise NoSpaceError(target) from error
        raise StoreError(f"{error.filename or target}: {words_of(error)}") from error


class _Merger:
    """One merge. The maps go from ids of the source to ids of the target."""

    def __init__(self, source: Store, target: Store, merged: Merged) -> None:
        self._source, self._target, self._merged = source, target, merged
        self._conflicts = 0
        self._tasks: Ids = {}
        self._new_runs: set[int] = set()

    def merge_all(self) -> None:
        sets = self._task_sets()
        answers = self._keyed("answer", {}, compared=("text",))
        runs = self._runs(sets)
        variants = self._by("variant", ("run_id", "model", "name"), {"run_id": runs})
        self._linked("variant_answer", {"variant_id": variants, "task_id": self._tasks, "answer_id": answers})
        self._graders("judge", runs)
        self._graders("scorer", runs)
        places = {"answer_id": answers, "task_id": self._tasks}
        self._grades(places)
        self._keyed("outdated_grade", places)
        pairs = {"first_id": answers, "second_id": answers, "task_id": self._tasks}
        self._keyed("preference", pairs, value="choice")
        self._keyed("score", places, value="score")
        self._linked("note", {"run_id": runs, "task_id": self._tasks})
        divergences = self._keyed("divergence", {"answer_id": answers})
        sides = {"baseline_id": variants, "candidate_id": variants}
        self._linked("variant_divergence", {**sides, "task_id": self._tasks, "divergence_id": divergences})
        batches = self._by("batch", ("mark",), {"run_id": runs})
        self._by("batch_question", ("batch", "key"), {"batch": batches, "second_id": answers, **places})
        self._attempts(runs)
        self._by("made", ("model", "type", "host", "path"), {})

    def done(self) -> Merged:
        if self._conflicts > MOST_CONFLICTS:
            self._merged.conflicts.append(f"and {self._conflicts - MOST_CONFLICTS} more differences")
        return self._merged

    def _task_sets(self) -> Ids:
        sets = self._by("task_set", ("hash",), {})
        self._tasks |= self._by("task", ("task_set_id", "position"), {"task_set_id": sets})
        return sets

    def _runs(self, sets: Ids) -> Ids:
        before = {row["id"] for row in self._target.execute("SELECT id FROM run")}
        runs = self._by("run", ("experiment", "plan"), {"task_set_id": sets})
        self._new_runs = set(runs.values()) - before
        for row in self._rows("run"):
            # A run that one of the two stores has finished is finished: its answers come along.
            if row["state"] == "done":
                self._target.execute(
                    "UPDATE run SET state = 'done', reason = '', ended = coalesce(ended, ?) WHERE id = ? AND state <> 'done'"
                    " AND id NOT IN (SELECT run_id FROM lease)",
                    (row["ended"], runs[row["id"]]),
                )
        return runs

    def _graders(self, table: str, runs: Ids) -> None:
        """Merge judges or scorers. The newest of a label is current, so those of the target stay the newest."""
        newest = {
            (row["run_id"], row["label"]): row["fingerprint"]
            for row in self._target.execute(f"SELECT run_id, label, fingerprint FROM {table} ORDER BY id").fetchall()
        }
        self._by(table, ("run_id", "label", "fingerprint"), {"run_id": runs})
        if table == "judge":
            self._judges_asked(runs)
        for (run_id, label), fingerprint in newest.items():
            if table == "judge":
                judges.make_newest(self._target, run_id, label, fingerprint)
                continue
            self._target.execute(
                "UPDATE scorer SET id = (SELECT max(id) + 1 FROM scorer) WHERE run_id = ? AND label = ? AND fingerprint = ?"
                " AND id < (SELECT max(id) FROM scorer newer WHERE newer.run_id = scorer.run_id AND newer.label = scorer.label)",
                (run_id, label, fingerprint),
            )

    def _judges_asked(self, runs: Ids) -> None:
        """Take over how often judges of both were asked, and whether judging may have stopped early: figures depend on that."""
        for row in self._mapped("judge", {"run_id": runs}):
            self._target.execute(
                "UPDATE judge SET takes = max(takes, ?), may_stop_early = max(may_stop_early, ?)"
                " WHERE run_id = ? AND label = ? AND fingerprint = ?",
                (row["takes"], row["may_stop_early"], row["run_id"], row["label"], row["fingerprint"]),
            )

    def _grades(self, places: Mapping[str, Ids]) -> None:
        """Merge grades. The key of a person's grade is made of ids, so it is another one here."""

        def renamed(row: Row) -> Row:
            if row["judge"] != grades.HUMAN:
                return row
            return row | {"key": grades.human_key(grades.Place(row["answer_id"], row["task_id"]))}

        for row in self._mapped("grade", places):
            self._put_keyed("grade", renamed(row), "grade", ("grade",))

    def _attempts(self, runs: Ids) -> None:
        for row in self._mapped("attempt", {"run_id": runs}):
            if row["run_id"] in self._new_runs:
                self._insert("attempt", row)

    def _keyed(self, table: str, maps: Mapping[str, Ids], *, value: str = "", compared: Sequence[str] = ()) -> Ids:
        """Merge rows with a key. Return their ids. A row whose `value` is NULL gives way to one that has a value."""
        compared = compared or ((value,) if value else ())
        return {old: self._put_keyed(table, row, value, compared) for old, row in self._mapped_with_id(table, maps)}

    def _put_keyed(self, table: str, row: Row, value: str, compared: Sequence[str]) -> int:
        present = self._target.execute(f"SELECT * FROM {table} WHERE key = ?", (row["key"],)).fetchone()
        if present is None:
            return self._insert(table, row)
        if value and present[value] is None and row[value] is not None:
            names = [name for name in row if name != "key"]
            self._target.execute(
                f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names)} WHERE key = ?",
                (*(row[name] for name in names), row["key"]),
            )
            self._merged.added[table] += 1
        elif not (value and row[value] is None):
            self._compare(table, f"row {present['id']}", present, row, compared)
        return int(present["id"])

    def _by(self, table: str, key: Sequence[str], maps: Mapping[str, Ids]) -> Ids:
        """Merge rows that are the same if these columns are. Return their ids."""
        where = " AND ".join(f"{name} IS ?" for name in key)
        ids: Ids = {}
        for old, row in self._mapped_with_id(table, maps):
            present = self._target.execute(
                f"SELECT id FROM {table} WHERE {where}", tuple(row[name] for name in key)
            ).fetchone()
            ids[old] = self._insert(table, row) if present is None else int(present["id"])
        return ids

    def _linked(self, table: str, maps: Mapping[str, Ids]) -> None:
        """Merge the rows of a table without ids."""
        key = [row[1] for row in self._target.execute(f"PRAGMA table_info({table})") if row[5]]
        where = " AND ".join(f"{name} = ?" for name in key)
        for row in self._mapped(table, maps):
            place = tuple(row[name] for name in key)
            present = self._target.execute(f"SELECT * FROM {table} WHERE {where}", place).fetchone()
            if present is None:
                self._insert(table, row)
            else:
                label = ", ".join(f"{name} {value}" for name, value in zip(key, place, strict=True))
                self._compare(table, label, present, row, [name for name in row if name not in key])

    def _compare(self, table: str, label: str, present: sqlite3.Row, row: Row, names: Sequence[str]) -> None:
        differing = [name for name in names if present[name] != row[name]]
        if not differing:
            return
        self._conflicts += 1
        if self._conflicts <= MOST_CONFLICTS:
            self._merged.conflicts.append(
                f"{table}, {label}: {', '.join(differing)} differs from that of {self._merged.source}; the target's is kept"
            )

    def _insert(self, table: str, row: Row) -> int:
        names = ", ".join(row)
        cursor = self._target.execute(
            f"INSERT INTO {table} ({names}) VALUES ({','.join('?' * len(row))})", tuple(row.values())
        )
        self._merged.added[table] += 1
        return int(cursor.lastrowid or 0)

    def _mapped(self, table: str, maps: Mapping[str, Ids]) -> Iterator[Row]:
        yield from (row for _, row in self._mapped_with_id(table, maps))

    def _mapped_with_id(self, table: str, maps: Mapping[str, Ids]) -> Iterator[tuple[int, Row]]:
        """Yield (id in the source, row with ids of the target and without its own)."""
        for row in self._rows(table):
            old = row.pop("id", 0)
            for name, ids in maps.items():
                if row[name] is not None:
                    row[name] = ids[row[name]]
            yield old, row

    def _rows(self, table: str) -> Iterator[Row]:
        has_ids = any(row[1] == "id" for row in self._source.execute(f"PRAGMA table_info({table})"))
        if not has_ids:
            yield from map(row_rules.as_mapping, self._source.execute(f"SELECT * FROM {table}"))
            return
        last = -(2**63)
        while True:
            rows = self._source.execute(
                f"SELECT * FROM {table} WHERE id > ? ORDER BY id LIMIT {ROWS_AT_ONCE}", (last,)
            ).fetchall()
            yield from map(row_rules.as_mapping, rows)
            if not rows:
                return
            last = rows[-1]["id"]
