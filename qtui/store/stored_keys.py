"""Keys of a store computed again from the content that is stored with them: an altered text or number has another key.

A key of an answer covers its prompt, weights and engine, which the store does not have, so content alone cannot prove it.
Fingerprints are in `recomputing`; keys of grades prove those that they contain.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from qtui.records import Expected, Task, TaskSet, content_hash
from qtui.store import grades, preferences, row_rules, scores
from qtui.store.damage import Problem


@dataclass(slots=True)
class Keys:
    """Counts of keys, by what they are of; filled by `wrong`."""

    right: Counter[str] = field(default_factory=Counter)
    unproven: Counter[str] = field(default_factory=Counter)

    def wrong(self, connection: sqlite3.Connection) -> Iterator[Problem]:
        """Yield the rows whose key does not belong to their content. The rows themselves are whole (`row_rules`)."""
        hashes: dict[int, str] = {}
        yield from self._task_sets(connection, hashes)
        yield from self._grades(connection, "grade", hashes)
        if _has(connection, "outdated_grade"):
            yield from self._grades(connection, "outdated_grade", hashes)
        if _has(connection, "preference"):
            yield from self._preferences(connection, hashes)
        if _has(connection, "score"):
            yield from self._scores(connection, hashes)
        self.unproven["answer"] = int(connection.execute("SELECT count(*) FROM answer").fetchone()[0])
        if _has(connection, "divergence"):
            self.unproven["divergence"] = int(connection.execute("SELECT count(*) FROM divergence").fetchone()[0])

    def _task_sets(self, connection: sqlite3.Connection, hashes: dict[int, str]) -> Iterator[Problem]:
        """Check the hashes of task sets, and add those of their tasks to `hashes`, by id of the task."""
        for task_set in connection.execute("SELECT id, hash FROM task_set ORDER BY id").fetchall():
            rows = connection.execute(
                "SELECT * FROM task WHERE task_set_id = ? ORDER BY position", (task_set["id"],)
            ).fetchall()
            tasks = [task_of(row) for row in rows]
            hashes |= {row["id"]: task.hash for row, task in zip(rows, tasks, strict=True)}
            for number, (row, task) in enumerate(zip(rows, tasks, strict=True), start=1):
                if row["position"] != number:
                    yield Problem(
                        "key", "task", f"row {row['id']}", f"has position {row['position']}, but is number {number}"
                    )
                    break
                if task.follows is not None and not 0 < task.follows < number:
                    yield Problem(
                        "key", "task", f"row {row['id']}", f"follows task {task.follows}, which is not before it"
                    )
            if TaskSet("", tuple(tasks)).hash == task_set["hash"]:
                self.right["task set"] += 1
            else:
                yield Problem("key", "task_set", f"row {task_set['id']}", "its hash is not that of its tasks")

    def _grades(self, connection: sqlite3.Connection, table: str, hashes: dict[int, str]) -> Iterator[Problem]:
        rows = connection.execute(
            f"SELECT g.id, g.key, g.answer_id, g.task_id, g.judge, g.fingerprint, g.take, answer.key AS answer_key FROM {table} g"
            " JOIN answer ON answer.id = g.answer_id ORDER BY g.id"
        )
        for row in rows:
            if row["judge"] == grades.HUMAN:
                expected = grades.human_key(grades.Place(row["answer_id"], row["task_id"]))
            else:
                expected = grades.key(
                    row["answer_key"], hashes.get(row["task_id"], ""), row["judge"], row["fingerprint"], row["take"]
                )
            if row["key"] == expected:
                self.right["grade"] += 1
            else:
                yield Problem(
                    "key", table, f"row {row['id']}", "its key is not that of its answer, task, judge and take"
                )

    def _preferences(self, connection: sqlite3.Connection, hashes: dict[int, str]) -> Iterator[Problem]:
        rows = connection.execute(
            "SELECT p.id, p.key, p.task_id, p.judge, p.fingerprint, p.take, first.key AS first_key, second.key AS second_key"
            " FROM preference p JOIN answer first ON first.id = p.first_id JOIN answer second ON second.id = p.second_id"
            " ORDER BY p.id"
        )
        for row in rows:
            expected = preferences.key(
                (row["first_key"], row["second_key"]), hashes.get(row["task_id"], ""), row["judge"], row["fingerprint"],
                row["take"],
            )  # fmt: skip
            if row["key"] == expected:
                self.right["preference"] += 1
            else:
                yield Problem(
                    "key", "preference", f"row {row['id']}", "its key is not that of its answers, task, judge and take"
                )

    def _scores(self, connection: sqlite3.Connection, hashes: dict[int, str]) -> Iterator[Problem]:
        rows = connection.execute(
            "SELECT score.id, score.key, score.task_id, score.scorer, score.fingerprint, answer.key AS answer_key FROM score"
            " JOIN answer ON answer.id = score.answer_id ORDER BY score.id"
        )
        for row in rows:
            expected = scores.key(row["answer_key"], hashes.get(row["task_id"], ""), row["fingerprint"])
            if row["key"] == content_hash(expected, row["scorer"]):
                self.right["score"] += 1
            else:
                yield Problem("key", "score", f"row {row['id']}", "its key is not that of its answer, task and scorer")


def task_of(row: sqlite3.Row) -> Task:
    """Return the task of a row of any version of the schema."""
    names = row.keys()
    if "expected" not in names:
        return Task(row["input"], row["reference"], row["criteria"])
    expected = row_rules.decode(row["expected"], Expected)
    return Task(
        row["input"], row["reference"], row["criteria"], row["category"], row["subset"], row["follows"], expected
    )


def _has(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None
