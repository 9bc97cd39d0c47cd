"""Answers: content-addressed by key, linked to the variant, task and sample that they answer.

Answers with the same key are one row: an answer that another run has already is linked, not computed again.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from qtui.processes import events
from qtui.records import Answer, Task, Thoughts, Turn
from qtui.store import claims
from qtui.store.connection import Store
from qtui.store.thoughts import HAS_THOUGHTS

COLUMNS = (
    "experiment", "model", "variant", "is_baseline", "role", "position", "task", "sample", "text", "finish_reason",
    "prompt_tokens", "prompt_ids_hash", "completion_tokens", "seconds", "thinking", "thinking_tokens", "thought_unfinished",
    "left_out", "has_thoughts", "is_choice",
)  # fmt: skip
TASK_COLUMNS = ("experiment", "task", "input", "reference", "criteria", "subset", "category", "follows")
KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Link:
    """The place of an answer in a run. `task_id` is the row id in the store, not the task's position."""

    variant_id: int
    task_id: int
    sample: int


def commit(store: Store, link: Link, answer: Answer) -> int:
    """Write one answer and its link, durable on return. Return the answer's id. An existing key keeps its first text."""
    with store.writing():
        answer_id = _put(store, link, answer)
    events.debug(
        f"variant {link.variant_id}: answer {answer_id} stored (task id {link.task_id}, sample {link.sample},"
        f" {answer.completion_tokens} tokens, {answer.seconds or 0:.2f} s, ended by {answer.finish_reason}, {answer.key[:12]})"
    )
    return answer_id


def commit_many(store: Store, pairs: Iterable[tuple[Link, Answer]]) -> int:
    """Write many answers with their links in one transaction, for imports. Return how many answers were new."""
    before = store.execute("SELECT count(*) FROM answer").fetchone()[0]
    with store.writing():
        for link, answer in pairs:
            _put(store, link, answer)
    return int(store.execute("SELECT count(*) FROM answer").fetchone()[0] - before)


def link_known(store: Store, links: Mapping[int, tuple[Link, str]]) -> set[int]:
    """Link every place whose key the store has. `links` is index → (place, key). Return the indices that now have an answer.

    A link to an answer with another key (the weights changed since) is removed: one variant never mixes two. Links of tasks that
    are not among `links` stay (another turn of a conversation), except those of the turns after a link that was removed.
    """
    with store.writing():
        return _link_known(store, links)


def link_or_claim(store: Store, run_id: int, links: Mapping[int, tuple[Link, str]]) -> tuple[set[int], dict[str, int]]:
    """Do as `link_known` does, and claim the answers that are missing (see `claims`), in one transaction.

    Return the indices that now have an answer, and the missing answers that another runner computes: key → its run.
    """
    with store.writing():
        linked = _link_known(store, links)
        missing = dict.fromkeys(key for index, (_, key) in sorted(links.items()) if index not in linked)
        return linked, claims.take(store, run_id, missing)


def link_stored(store: Store, links: Sequence[tuple[Link, str]]) -> set[str]:
    """Link those of these places whose key the store has, and leave all other links. Return the keys that it has."""
    ids = _ids(store, list({key for _, key in links}))
    if ids:
        with store.writing():
            for link, key in links:
                if key in ids:
                    _link(store, link, ids[key])
    return set(ids)


def texts(store: Store, variant_id: int) -> dict[tuple[int, int], str]:
    """Return the answers of a variant by position of the task, from 1, and sample."""
    found = store.execute(
        "SELECT task.position, va.sample, answer.text FROM variant_answer va JOIN task ON task.id = va.task_id"
        " JOIN answer ON answer.id = va.answer_id WHERE va.variant_id = ?",
        (variant_id,),
    )
    return {(row["position"], row["sample"]): row["text"] for row in found}


def rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Return every answer of the runs, with `COLUMNS`, by run, variant, task and sample. `task` is 1-based."""
    return store.execute(
        "SELECT run.experiment, variant.model, variant.name, variant.is_baseline, variant.role, variant.position,"
        " task.position, va.sample, answer.text, answer.finish_reason, answer.prompt_tokens, answer.prompt_ids_hash,"
        " answer.completion_tokens, answer.seconds, answer.thinking, answer.thinking_tokens, answer.thought_unfinished,"
        f" answer.left_out, {HAS_THOUGHTS} AS has_thoughts, answer.choice_scores IS NOT NULL AS is_choice"
        " FROM variant_answer va JOIN variant ON variant.id = va.variant_id JOIN run ON run.id = variant.run_id"
        " JOIN task ON task.id = va.task_id JOIN answer ON answer.id = va.answer_id"
        f" WHERE run.id IN ({','.join('?' * len(run_ids))})"
        " ORDER BY run.id, variant.position, task.position, va.sample",
        tuple(run_ids),
    ).fetchall()


def count_choices(store: Store, run_ids: Sequence[int]) -> int:
    """Return how many answers of the runs are choices by log-likelihood."""
    places = ",".join("?" * len(run_ids))
    row = store.execute(
        "SELECT count(*) FROM variant JOIN variant_answer va ON va.variant_id = variant.id JOIN answer ON answer.id = va.answer_id"
        f" WHERE variant.run_id IN ({places}) AND answer.choice_scores IS NOT NULL",
        tuple(run_ids),
    ).fetchone()
    return int(row[0])


def task_rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Return every task of the runs, with `TASK_COLUMNS`, by run and position."""
    return store.execute(
        "SELECT run.experiment, task.position, task.input, task.reference, task.criteria, task.subset, task.category, task.follows"
        " FROM run JOIN task ON task.task_set_id = run.task_set_id"
        f" WHERE run.id IN ({','.join('?' * len(run_ids))}) ORDER BY run.id, task.position",
        tuple(run_ids),
    ).fetchall()


def left_out_names(stored: str | None) -> tuple[str, ...]:
    """Return the distinct names in the column `left_out` of one or several answers, joined by commas, sorted."""
    return tuple(sorted({name for name in (stored or "").split(",") if name}))


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """An answer that a judge has not been asked about yet."""

    answer_id: int
    answer_key: str
    task_id: int
    text: str
    task: Task
    earlier: tuple[Turn, ...] = ()
    """The turns before it in its conversation."""


def _link_known(store: Store, links: Mapping[int, tuple[Link, str]]) -> set[int]:
    planned = {(link.variant_id, link.task_id, link.sample): key for link, key in links.values()}
    _unlink_outdated(store, planned)
    ids = _ids(store, list({*planned.values()}))
    filled = {index for index, (_, key) in links.items() if key in ids}
    for index in filled:
        link, key = links[index]
        _link(store, link, ids[key])
    return filled


def _ids(store: Store, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of the answers that the store has, by key."""
    ids: dict[str, int] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(f"SELECT key, id FROM answer WHERE key IN ({','.join('?' * len(part))})", part)
        ids |= {row["key"]: row["id"] for row in rows}
    return ids


def _unlink_outdated(store: Store, planned: Mapping[tuple[int, int, int], str]) -> None:
    planned_tasks = {place[1] for place in planned}
    for variant_id in {place[0] for place in planned}:
        linked = store.execute(
            "SELECT va.task_id, va.sample, answer.key FROM variant_answer va JOIN answer ON answer.id = va.answer_id"
            " WHERE va.variant_id = ?",
            (variant_id,),
        ).fetchall()
        outdated = [
            (variant_id, row["task_id"], row["sample"])
            for row in linked
            if row["task_id"] in planned_tasks
            and planned.get((variant_id, row["task_id"], row["sample"])) != row["key"]
        ]
        store.executemany("DELETE FROM variant_answer WHERE variant_id = ? AND task_id = ? AND sample = ?", outdated)
        while outdated and _unlink_later_turns(store, variant_id):
            pass


def _unlink_later_turns(store: Store, variant_id: int) -> int:
    """Remove links of turns whose turn before has no answer: its prompt had another one. Return how many were removed."""
    return store.execute(
        "DELETE FROM variant_answer WHERE variant_id = :variant AND EXISTS (SELECT 1 FROM task"
        "  JOIN task earlier ON earlier.task_set_id = task.task_set_id AND earlier.position = task.follows"
        "  WHERE task.id = variant_answer.task_id AND NOT EXISTS (SELECT 1 FROM variant_answer other"
        "   WHERE other.variant_id = :variant AND other.task_id = earlier.id AND other.sample = variant_answer.sample))",
        {"variant": variant_id},
    ).rowcount


def _put(store: Store, link: Link, answer: Answer) -> int:
    thoughts = answer.thoughts or Thoughts("")
    store.execute(
        "INSERT INTO answer (key, text, finish_reason, prompt_tokens, prompt_ids_hash, completion_tokens, seconds, left_out,"
        " thinking, whole, thinking_tokens, thought_unfinished, created, choice_scores)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (key) DO NOTHING",
        (answer.key, answer.text, answer.finish_reason, answer.prompt_tokens, answer.prompt_ids_hash, answer.completion_tokens,
         answer.seconds, ",".join(answer.left_out), thoughts.text, thoughts.whole, thoughts.tokens, thoughts.is_unfinished,
         time.time(), None if answer.choice_scores is None else msgspec.json.encode(answer.choice_scores).decode()),
    )  # fmt: skip
    answer_id = int(store.execute("SELECT id FROM answer WHERE key = ?", (answer.key,)).fetchone()["id"])
    _link(store, link, answer_id)
    return answer_id


def _link(store: Store, link: Link, answer_id: int) -> None:
    store.execute(
        "INSERT OR REPLACE INTO variant_answer (variant_id, task_id, sample, answer_id) VALUES (?,?,?,?)",
        (link.variant_id, link.task_id, link.sample, answer_id),
    )
