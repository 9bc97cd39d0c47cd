"""Scorers of a run and their scores: which scorers are current, their progress, what is still to be scored.

A score belongs to an answer and a task, not to a run: the same answer in another run is not scored again. Of the scorers of one
name in a run the newest settings are current, and only their scores are shown.
"""

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec

from qtui.processes import events
from qtui.records import ChoiceScore, Score, ScorerSpec, Task, content_hash
from qtui.run_progress import ScorerProgress, ScorerState
from qtui.store import json_columns, tasks
from qtui.store.connection import Store

COLUMNS = ("experiment", "model", "variant", "task", "sample", "scorer", "score", "reason")
TASKS_OF_SCORER = (
    "(json_array_length(scorer.settings, '$.subsets') = 0"
    " OR task.subset IN (SELECT value FROM json_each(scorer.settings, '$.subsets')))"
)
"""Whether a row of `task` is of a set that a row of `scorer` scores."""


@dataclass(frozen=True, slots=True)
class StoredScorer:
    id: int
    run_id: int
    label: str
    fingerprint: str
    spec: ScorerSpec
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class PendingScore:
    """An answer that a scorer has not scored yet, and the task that it is scored for."""

    answer_id: int
    task_id: int
    key: str
    """The key that its score will have."""
    task: Task
    text: str
    choice_scores: tuple[ChoiceScore, ...] | None


def put(store: Store, run_id: int, spec: ScorerSpec, fingerprint: str) -> None:
    """Add a scorer to the run and make it the newest of its name; one that is there gets the margin and settings of `spec`.

    Part of the caller's transaction.
    """
    store.execute(
        "INSERT INTO scorer (run_id, label, fingerprint, settings) VALUES (?,?,?,?)"
        " ON CONFLICT (run_id, label, fingerprint) DO UPDATE SET settings = excluded.settings",
        (run_id, spec.label, fingerprint, msgspec.json.encode(spec).decode()),
    )
    store.execute(
        "UPDATE scorer SET id = (SELECT max(id) + 1 FROM scorer) WHERE run_id = ? AND label = ? AND fingerprint = ?"
        " AND EXISTS (SELECT 1 FROM scorer newer WHERE newer.run_id = scorer.run_id AND newer.label = scorer.label"
        "  AND newer.id > scorer.id)",
        (run_id, spec.label, fingerprint),
    )


def current(store: Store, run_ids: Sequence[int] | None = None) -> list[StoredScorer]:
    """Return the current scorers of the runs (None is all runs): of each name the newest, in the order of their names' first."""
    where = "" if run_ids is None else f"WHERE run_id IN ({','.join('?' * len(run_ids))})"
    rows = store.execute(f"SELECT * FROM scorer {where} ORDER BY run_id, id", tuple(run_ids or ()))
    newest: dict[tuple[int, str], StoredScorer] = {}
    for row in rows:
        spec = json_columns.value(store, "scorer", "settings", row["settings"])
        newest[row["run_id"], row["label"]] = StoredScorer(
            row["id"], row["run_id"], row["label"], row["fingerprint"], spec, row["state"], row["reason"]
        )
    return list(newest.values())


def set_state(store: Store, scorer: StoredScorer, state: ScorerState, reason: str = "") -> None:
    events.changed(f"scorer {scorer.label}", state, reason)
    with store.writing():
        store.execute(
            "UPDATE scorer SET state = ?, reason = ? WHERE run_id = ? AND label = ? AND fingerprint = ?",
            (state, reason, scorer.run_id, scorer.label, scorer.fingerprint),
        )


def remove(store: Store, run_id: int, label: str) -> int:
    """Remove the scorers of that name from the run; their scores stay in the store, where no run shows them. Returns how many."""
    with store.writing():
        return store.execute("DELETE FROM scorer WHERE run_id = ? AND label = ?", (run_id, label)).rowcount


def key(answer_key: str, task_hash: str, fingerprint: str) -> str:
    """Return the key of a score: the hash of the answer, the task that it is scored for, and the scorer's settings."""
    return content_hash("score", answer_key, task_hash, fingerprint)


def pending(store: Store, scorer: StoredScorer) -> list[PendingScore]:
    """Return the run's answers that the scorer has neither scored nor found unscorable."""
    rows = store.execute(
        "SELECT DISTINCT answer.id AS answer_id, answer.key, task.id AS task_id, answer.text, answer.choice_scores,"
        f" {tasks.COLUMNS}"
        " FROM scorer JOIN variant ON variant.run_id = scorer.run_id JOIN variant_answer va ON va.variant_id = variant.id"
        " JOIN answer ON answer.id = va.answer_id JOIN task ON task.id = va.task_id"
        f" WHERE scorer.run_id = ? AND scorer.label = ? AND scorer.fingerprint = ? AND {TASKS_OF_SCORER}"
        " AND NOT EXISTS (SELECT 1 FROM score WHERE score.answer_id = answer.id AND score.task_id = task.id"
        "  AND score.scorer = scorer.label AND score.fingerprint = scorer.fingerprint)"
        " ORDER BY variant.position, task.position, va.sample",
        (scorer.run_id, scorer.label, scorer.fingerprint),
    )
    return [_pending(store, row, scorer.fingerprint) for row in rows]


def commit(store: Store, scorer: StoredScorer, scored: Iterable[tuple[PendingScore, Score]]) -> None:
    """Write scores, durable on return. A score that the store has is replaced only if it was *unscored*."""
    scored, now = list(scored), time.time()
    events.debug(f"scorer {scorer.label}: {len(scored)} scores stored")
    with store.writing():
        store.executemany(
            "INSERT INTO score (key, answer_id, task_id, scorer, fingerprint, score, reason, created) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (key) DO UPDATE SET score = excluded.score, reason = excluded.reason, created = excluded.created"
            " WHERE score.score IS NULL",
            [
                (content_hash(each.key, scorer.label), each.answer_id, each.task_id, scorer.label, scorer.fingerprint,
                 found.score, found.reason, now)
                for each, found in scored
            ],
        )  # fmt: skip


def forget(store: Store, scorer: StoredScorer, *, only_unscored: bool) -> int:
    """Delete the scorer's scores of the run's answers, or only those that are *unscored*, and return how many these were."""
    with store.writing():
        return store.execute(
            "DELETE FROM score WHERE scorer = ? AND fingerprint = ? AND (NOT ? OR score IS NULL) AND (answer_id, task_id) IN"
            " (SELECT va.answer_id, va.task_id FROM variant_answer va JOIN variant ON variant.id = va.variant_id"
            "  WHERE variant.run_id = ?)",
            (scorer.label, scorer.fingerprint, only_unscored, scorer.run_id),
        ).rowcount


def rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Return the current scores of the runs' answers, with `COLUMNS`."""
    condition, values = _current_condition(store, run_ids)
    return store.execute(
        "SELECT run.experiment, variant.model, variant.name, task.position, va.sample, score.scorer, score.score, score.reason"
        " FROM variant_answer va JOIN variant ON variant.id = va.variant_id JOIN run ON run.id = variant.run_id"
        " JOIN task ON task.id = va.task_id JOIN score ON score.answer_id = va.answer_id AND score.task_id = va.task_id"
        f" WHERE run.id IN ({','.join('?' * len(run_ids))}) AND {condition.format(run='run.id')}"
        " ORDER BY run.id, variant.position, task.position, va.sample, score.scorer",
        (*run_ids, *values),
    ).fetchall()


def of_answers(store: Store, run_id: int, task_id: int, answer_ids: Collection[int]) -> list[sqlite3.Row]:
    """Return the run's current scores of answers to one task, as (answer_id, scorer, score, reason), by scorer."""
    condition, values = _current_condition(store, [run_id])
    return store.execute(
        "SELECT score.answer_id, score.scorer, score.score, score.reason FROM score"
        f" WHERE score.task_id = ? AND score.answer_id IN ({','.join('?' * len(answer_ids))})"
        f" AND {condition.format(run='?')} ORDER BY score.scorer, score.id",
        (task_id, *answer_ids, run_id, *values),
    ).fetchall()


def progress(store: Store, run_ids: Sequence[int] | None) -> dict[int, list[ScorerProgress]]:
    """Return the progress of the current scorers by run (None is all runs)."""
    by_run: dict[int, list[ScorerProgress]] = {}
    for scorer in current(store, run_ids):
        by_run.setdefault(scorer.run_id, []).append(_progress(store, scorer))
    return by_run


def _progress(store: Store, scorer: StoredScorer) -> ScorerProgress:
    counts = store.execute(
        "SELECT count(score.id) AS asked, coalesce(sum(score.id IS NOT NULL AND score.score IS NULL), 0) AS unscored,"
        " count(*) AS answered, json_group_array(DISTINCT variant.id) FILTER (WHERE score.score IS NOT NULL) AS scored_variants"
        " FROM scorer JOIN variant ON variant.run_id = scorer.run_id JOIN variant_answer va ON va.variant_id = variant.id"
        " JOIN task ON task.id = va.task_id"
        " LEFT JOIN score ON score.answer_id = va.answer_id AND score.task_id = va.task_id"
        "  AND score.scorer = scorer.label AND score.fingerprint = scorer.fingerprint"
        f" WHERE scorer.id = ? AND {TASKS_OF_SCORER}",
        (scorer.id,),
    ).fetchone()
    expected = store.execute(
        "SELECT coalesce(sum(variant.expected), 0) AS answers, count(DISTINCT run.task_set_id) AS sets,"
        " (SELECT count(*) FROM task WHERE task.task_set_id = run.task_set_id) AS tasks,"
        f" (SELECT count(*) FROM task WHERE task.task_set_id = run.task_set_id AND {TASKS_OF_SCORER}) AS own"
        " FROM scorer JOIN run ON run.id = scorer.run_id LEFT JOIN variant ON variant.run_id = run.id WHERE scorer.id = ?",
        (scorer.id,),
    ).fetchone()
    share = expected["own"] / expected["tasks"] if expected["tasks"] else 0.0
    return ScorerProgress(
        run_id=scorer.run_id,
        label=scorer.label,
        kind=scorer.spec.kind,
        state=scorer.state,
        reason=scorer.reason,
        expected=max(round(expected["answers"] * share), counts["asked"]),
        scored=counts["asked"] - counts["unscored"],
        unscored=counts["unscored"],
        scored_variants=tuple(sorted(json.loads(counts["scored_variants"]))),
    )


def _pending(store: Store, row: sqlite3.Row, fingerprint: str) -> PendingScore:
    task = tasks.task(store, row)
    scores = row["choice_scores"]
    return PendingScore(
        row["answer_id"],
        row["task_id"],
        key(row["key"], task.hash, fingerprint),
        task,
        row["text"],
        None if scores is None else json_columns.value(store, "answer", "choice_scores", scores),
    )


def _current_condition(store: Store, run_ids: Sequence[int]) -> tuple[str, tuple[Any, ...]]:
    """Return an SQL condition that only scores of current scorers meet, and its parameters; `{run}` stands for the run's id."""
    scorers = current(store, run_ids)
    values = chain.from_iterable((scorer.run_id, scorer.label, scorer.fingerprint) for scorer in scorers)
    listed = f"VALUES {','.join(['(?,?,?)'] * len(scorers))}" if scorers else "SELECT 0, '', '' WHERE 0"
    return f"({{run}}, score.scorer, score.fingerprint) IN ({listed})", tuple(values)
