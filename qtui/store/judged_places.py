"""The answers of a run as one judge has to do with them: where they are, what they say, and for which takes they are graded.

A runner reads them once whole, and after that only answers that are newer than the newest it knows: reading costs as much as there
is to read, not as much as the run has.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from qtui.records import Task
from qtui.store import conversations, tasks
from qtui.store.answers import PendingAnswer
from qtui.store.connection import Store

FINISHED_BATCHES = "('fetched', 'returned')"
MOST_POSITIONS = 20
"""Tasks whose conversations are read one by one; for more of them, those of the whole run are read at once."""


@dataclass(frozen=True, slots=True)
class JudgedPlace:
    """A place of a run that has an answer. Two places may have the same answer."""

    answer: PendingAnswer
    model: str
    name: str
    """Of the variant."""
    is_baseline: bool
    variant: int
    """Position of the variant in its run."""
    position: int
    """Position of the task, from 1."""
    sample: int
    takes: Mapping[int, int | None]
    """Takes that the judge was asked for → its grade; None is *ungraded*."""
    in_batch: frozenset[int] = frozenset()
    """Takes that an open batch of the judge asks for."""

    def is_asked(self, take: int) -> bool:
        return take in self.takes or take in self.in_batch


_Key = tuple[int, int]
"""(id of the answer, id of the task)."""


def read(store: Store, run_id: int, judge: str, fingerprint: str, *, after: int = 0) -> list[JudgedPlace]:
    """Return the run's places with an answer by task, sample and variant; only answers with an id above `after`.

    Reading with `after` takes time for the answers above it alone, not for those of the whole run.
    """
    rows = store.execute(_PLACES_AFTER if after else _PLACES, {"run": run_id, "after": after}).fetchall()
    if not rows:
        return []
    names = {"run": run_id, "judge": judge, "fingerprint": fingerprint, "after": after}
    takes: dict[_Key, dict[int, int | None]] = {}
    for row in store.execute(_TAKES_AFTER if after else _TAKES, names):
        takes.setdefault((row["answer_id"], row["task_id"]), {})[row["take"]] = row["grade"]
    in_batch: dict[_Key, set[int]] = {}
    for row in store.execute(_IN_BATCH, names):
        in_batch.setdefault((row["answer_id"], row["task_id"]), set()).add(row["take"])
    pending = _pending(store, run_id, rows, is_part=after > 0)
    return [
        JudgedPlace(
            pending[key],
            row["model"],
            row["name"],
            bool(row["is_baseline"]),
            row["variant"],
            row["position"],
            row["sample"],
            takes.get(key, {}),
            frozenset(in_batch.get(key, ())),
        )
        for row in rows
        for key in [(row["answer_id"], row["task_id"])]
    ]


def state(store: Store, run_id: int) -> tuple[int, int]:
    """Return numbers that change when another answer is at a place of the run: cheaper than to read the places."""
    row = store.execute(
        "SELECT count(*), coalesce(sum(va.answer_id), 0) FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
        " WHERE variant.run_id = ?",
        (run_id,),
    ).fetchone()
    return int(row[0]), int(row[1])


def _pending(store: Store, run_id: int, rows: list[sqlite3.Row], *, is_part: bool) -> dict[_Key, PendingAnswer]:
    """The answers of rows, each once, with the turns before them."""
    known: dict[int, Task] = {}
    found: dict[_Key, PendingAnswer] = {}
    for row in rows:
        key = (row["answer_id"], row["task_id"])
        task = known[row["task_id"]] = known.get(row["task_id"]) or tasks.task(store, row)
        found.setdefault(key, PendingAnswer(row["answer_id"], row["key"], row["task_id"], row["text"], task))
    later = {row["position"] for row in rows if row["follows"] is not None}
    if not later:
        return found
    earlier: conversations.Earlier = {}
    for position in later if is_part and len(later) <= MOST_POSITIONS else (None,):
        earlier |= conversations.earlier_turns(store, run_id, position)
    return {key: replace(item, earlier=earlier.get(key, ())) for key, item in found.items()}


_COLUMNS = (
    f"answer.id AS answer_id, answer.key, task.id AS task_id, answer.text, {tasks.COLUMNS}, task.position, va.sample,"
    " variant.position AS variant, variant.model, variant.name, variant.is_baseline"
)
_ORDER = "ORDER BY task.position, va.sample, variant.position"
_PLACES = (
    f"SELECT {_COLUMNS} FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
    f" JOIN answer ON answer.id = va.answer_id JOIN task ON task.id = va.task_id WHERE variant.run_id = :run {_ORDER}"
)
# CROSS JOIN keeps the order of the tables: the newest answers first, then where they are.
_PLACES_AFTER = (
    f"SELECT {_COLUMNS} FROM answer CROSS JOIN variant_answer va ON va.answer_id = answer.id"
    " CROSS JOIN variant ON variant.id = va.variant_id CROSS JOIN task ON task.id = va.task_id"
    f" WHERE answer.id > :after AND variant.run_id = :run {_ORDER}"
)
_TAKE_COLUMNS = "SELECT grade.answer_id, grade.task_id, grade.take, max(grade.grade) AS grade"
_OF_JUDGE = "grade.judge = :judge AND grade.fingerprint = :fingerprint"
_TAKES = (
    f"{_TAKE_COLUMNS} FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
    " JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
    f" WHERE variant.run_id = :run AND {_OF_JUDGE} GROUP BY 1, 2, 3"
)
_TAKES_AFTER = f"{_TAKE_COLUMNS} FROM grade WHERE grade.answer_id > :after AND {_OF_JUDGE} GROUP BY 1, 2, 3"
_IN_BATCH = (
    "SELECT question.answer_id, question.task_id, question.take FROM batch CROSS JOIN batch_question question"
    " ON question.batch = batch.id WHERE batch.judge = :judge AND batch.fingerprint = :fingerprint"
    f" AND batch.state NOT IN {FINISHED_BATCHES} AND question.answer_id > :after"
)
