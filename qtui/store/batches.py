"""Batches of a judge's questions at an endpoint: what was asked, where it is, and which replies are still to come.

A key of a grade is *open* while a batch that holds it is: nobody else asks about it then. The row of a batch is written before the
step that its state names is taken, and what a batch replied is written with the grades in one transaction.
"""

import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import groupby

from qtui.processes import events
from qtui.records import NOTHING_USED, Grade, Usage
from qtui.run_progress import BatchState
from qtui.store import conversations, grades, preferences, tasks
from qtui.store.answers import PendingAnswer
from qtui.store.connection import Store
from qtui.store.grades import Place
from qtui.store.preferences import PendingPair

OPEN = ("planned", "uploading", "uploaded", "submitting", "submitted")
"""States of a batch whose replies are not in the store yet."""
KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as stored. See the table for what the fields mean."""

    id: int
    mark: str
    run_id: int | None
    judge: str
    fingerprint: str
    base_url: str | None
    api_key_env: str
    state: str
    status: str
    file_id: str
    batch_id: str
    requests: int
    is_cancelled: bool

    @property
    def file_name(self) -> str:
        return f"qtui-{self.mark}.jsonl"


@dataclass(frozen=True, slots=True)
class Planned:
    """A question for a batch. `same` are all answers (or pairs) that share its grade, each with its own key; the first is asked."""

    take: int
    same: tuple[tuple[str, PendingAnswer | PendingPair], ...]

    @property
    def key(self) -> str:
        return self.same[0][0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the question with this key."""

    key: str
    outcome: str
    """graded, ungraded, again, or returned."""
    reason: str
    usage: Usage


def open_keys(store: Store, label: str, fingerprint: str) -> set[str]:
    """Return the keys of grades that open batches of a judge hold."""
    rows = store.execute(
        f"SELECT question.key FROM batch_question question JOIN batch ON batch.id = question.batch WHERE {_OPEN_OF_JUDGE}",
        (label, fingerprint),
    )
    return {row["key"] for row in rows}


def plan(
    store: Store,
    run_id: int,
    judge: tuple[str, str],
    address: tuple[str | None, str],
    questions: Sequence[Planned],
    *,
    again: bool = False,
) -> int:
    """Write a batch that is to be submitted. `judge` is label and fingerprint, `address` base_url and api_key_env.

    Questions that another batch took meanwhile, or that have a grade now, are left out; *ungraded* is a grade unless they are asked
    `again`. Returns how many are in the batch; without any there is none.
    """
    with store.writing():
        keys = [key for question in questions for key, _ in question.same]
        values = grades.values_by_key(store, keys)
        taken = open_keys(store, *judge) | {key for key, grade in values.items() if grade is not None or not again}
        free = [question for question in questions if not any(key in taken for key, _ in question.same)]
        if not free:
            return 0
        cursor = store.execute(
            "INSERT INTO batch (mark, run_id, judge, fingerprint, base_url, api_key_env, state, requests, created)"
            " VALUES (?,?,?,?,?,?,'planned',?,?)",
            (uuid.uuid4().hex, run_id, *judge, *address, len(free), time.time()),
        )
        store.executemany(
            "INSERT INTO batch_question (batch, key, asked, answer_id, second_id, task_id, take) VALUES (?,?,?,?,?,?,?)",
            [
                (cursor.lastrowid, key, question.key, *_answer_ids(item), item.task_id, question.take)
                for question in free
                for key, item in question.same
            ],
        )
    return len(free)


def open_of_judge(store: Store, label: str, fingerprint: str) -> list[StoredBatch]:
    """Return the open batches of a judge, of all runs, the oldest first."""
    rows = store.execute(f"SELECT * FROM batch WHERE {_OPEN_OF_JUDGE} ORDER BY id", (label, fingerprint))
    return [_batch(row) for row in rows]


def open_of_run(store: Store, run_id: int) -> list[StoredBatch]:
    """Return the open batches that a run handles, the oldest first."""
    rows = store.execute(f"SELECT * FROM batch WHERE run_id = ? AND state IN ({_OPEN}) ORDER BY id", (run_id,))
    return [_batch(row) for row in rows]


def one(store: Store, batch: StoredBatch) -> StoredBatch:
    """Return the batch as it is now."""
    return _batch(store.execute("SELECT * FROM batch WHERE id = ?", (batch.id,)).fetchone())


def concerns(store: Store, batch: StoredBatch, run_id: int) -> bool:
    """Return whether a batch asks about an answer of a run, or is handled by it."""
    row = store.execute(
        "SELECT 1 FROM batch_question question JOIN variant_answer va ON va.answer_id = question.answer_id"
        " AND va.task_id = question.task_id JOIN variant ON variant.id = va.variant_id"
        " WHERE question.batch = ? AND variant.run_id = ? LIMIT 1",
        (batch.id, run_id),
    ).fetchone()
    return batch.run_id == run_id or row is not None


def take_over(store: Store, batch: StoredBatch, run_id: int) -> bool:
    """Let another run handle a batch. Return whether nobody else did so first."""
    with store.writing():
        cursor = store.execute(
            "UPDATE batch SET run_id = ? WHERE id = ? AND run_id IS ?", (run_id, batch.id, batch.run_id)
        )
    return cursor.rowcount == 1


def advance(store: Store, batch: StoredBatch, state: BatchState, *, file_id: str | None = None) -> StoredBatch:
    """Write the state of a batch before the step is taken, durable on return."""
    events.changed(f"batch {batch.id} of judge {batch.judge}", state)
    with store.writing():
        store.execute(
            "UPDATE batch SET state = ?, file_id = coalesce(?, file_id) WHERE id = ?", (state, file_id, batch.id)
        )
    return one(store, batch)


def submitted(store: Store, batch: StoredBatch, batch_id: str) -> StoredBatch:
    """Write that the endpoint has a batch, and under which id."""
    with store.writing():
        store.execute(
            "UPDATE batch SET state = 'submitted', batch_id = ?, submitted = ? WHERE id = ?",
            (batch_id, time.time(), batch.id),
        )
    return one(store, batch)


def set_seen(store: Store, batch: StoredBatch, status: str, completed: int, failed: int) -> None:
    """Write what the endpoint said of a batch just now."""
    events.debug(f"batch {batch.id} of judge {batch.judge}: {status}, {completed} completed, {failed} failed")
    with store.writing():
        store.execute(
            "UPDATE batch SET status = ?, completed = ?, failed = ?, seen = ? WHERE id = ?",
            (status, completed, failed, time.time(), batch.id),
        )


def set_cancelled(store: Store, batch: StoredBatch) -> None:
    """Write that the user of qtui wants a batch cancelled, before the endpoint is told."""
    with store.writing():
        store.execute("UPDATE batch SET is_cancelled = 1 WHERE id = ?", (batch.id,))


def questions(store: Store, batch: StoredBatch) -> list[Planned]:
    """Return the questions of a batch, with their tasks and answers, in the order of its file."""
    rows = store.execute(
        "SELECT question.key, question.asked, question.take,"
        " first.id AS first_id, first.key AS first_key, first.text AS first_text,"
        " second.id AS second_id, second.key AS second_key, second.text AS second_text,"
        f" task.id AS task_id, {tasks.COLUMNS} FROM batch_question question JOIN answer first ON first.id = question.answer_id"
        " LEFT JOIN answer second ON second.id = question.second_id"
        " JOIN task ON task.id = question.task_id WHERE question.batch = ? ORDER BY question.id",
        (batch.id,),
    ).fetchall()
    earlier_turns = conversations.earlier_turns(store, batch.run_id) if batch.run_id is not None else {}
    return [
        Planned(same[0]["take"], tuple((row["key"], _pending(store, row, earlier_turns)) for row in same))
        for same in (list(group) for _, group in groupby(rows, key=lambda row: str(row["asked"])))
    ]


def earlier(store: Store, keys: Sequence[str]) -> dict[str, tuple[int, Usage]]:
    """Return how often batches replied in vain to each of these keys, and what that used; only keys with such replies."""
    found: dict[str, tuple[int, Usage]] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(
            "SELECT key, requests, prompt_tokens, cached_tokens, completion_tokens FROM batch_question question"
            f" WHERE outcome = 'again' AND key IN ({','.join('?' * len(part))}) AND NOT EXISTS (SELECT 1 FROM batch_question"
            "  later WHERE later.key = question.key AND later.id > question.id AND later.outcome IN ('graded', 'ungraded'))",
            part,
        )
        for row in rows:
            times, used = found.get(row["key"], (0, NOTHING_USED))
            usage = Usage(row["requests"], row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"])
            found[row["key"]] = times + 1, used + usage
    return found


def fetched(
    store: Store,
    batch: StoredBatch,
    outcomes: Sequence[Outcome],
    graded: Sequence[tuple[Place, Grade]],
    reason: str = "",
) -> bool:
    """Write what came of a batch, with its grades, in one transaction. Return false if that was written before."""
    return _close(store, batch, ("fetched", reason), outcomes, graded)


def returned(store: Store, batch: StoredBatch, outcomes: Sequence[Outcome], reason: str) -> bool:
    """Write that the endpoint did not work on a batch, and why."""
    return _close(store, batch, ("returned", reason), outcomes, ())


def discard(store: Store, batch: StoredBatch, reason: str) -> None:
    """Close a batch whose replies nobody can fetch; its questions are free again."""
    with store.writing():
        store.execute("UPDATE batch_question SET outcome = 'returned' WHERE batch = ? AND outcome = ''", (batch.id,))
        store.execute("UPDATE batch SET state = 'returned', reason = ? WHERE id = ?", (reason, batch.id))


_OPEN = ", ".join(f"'{state}'" for state in OPEN)
_OPEN_OF_JUDGE = f"batch.judge = ? AND batch.fingerprint = ? AND batch.state IN ({_OPEN})"


def _close(
    store: Store,
    batch: StoredBatch,
    closed: tuple[BatchState, str],
    outcomes: Sequence[Outcome],
    graded: Sequence[tuple[Place, Grade]],
) -> bool:
    """Close a batch with (state, reason). Return false if it was closed before."""
    state, reason = closed
    events.changed(f"batch {batch.id} of judge {batch.judge}", state, reason)
    with store.writing():
        if one(store, batch).state not in OPEN:
            return False
        grades.put(store, graded)
        store.executemany(
            "UPDATE batch_question SET outcome = ?, reason = ?, requests = ?, prompt_tokens = ?, cached_tokens = ?,"
            " completion_tokens = ? WHERE batch = ? AND key = ?",
            [(each.outcome, each.reason, *astuple(each.usage), batch.id, each.key) for each in outcomes],
        )
        store.execute("UPDATE batch SET state = ?, reason = ? WHERE id = ?", (state, reason, batch.id))
    return True


def _answer_ids(item: PendingAnswer | PendingPair) -> tuple[int, int | None]:
    if isinstance(item, PendingPair):
        return item.first.answer_id, item.second.answer_id
    return item.answer_id, None


def _pending(store: Store, row: sqlite3.Row, earlier_turns: conversations.Earlier) -> PendingAnswer | PendingPair:
    if row["second_id"] is not None:
        return preferences.with_turns(preferences.pair(store, row), earlier_turns)
    before = earlier_turns.get((row["first_id"], row["task_id"]), ())
    task = tasks.task(store, row)
    return PendingAnswer(row["first_id"], row["first_key"], row["task_id"], row["first_text"], task, before)


def _batch(row: sqlite3.Row) -> StoredBatch:
    return StoredBatch(
        row["id"], row["mark"], row["run_id"], row["judge"], row["fingerprint"], row["base_url"], row["api_key_env"],
        row["state"], row["status"], row["file_id"], row["batch_id"], row["requests"], bool(row["is_cancelled"]),
    )  # fmt: skip
