"""Grades: one judge's number for one answer, task and take, or *ungraded* (NULL) if no reply could be read.

A run shows only its *current* grades: those of people, and those of its current judges (see `judges.current`).
`_current_grade_condition` alone decides this. `rows` (scores, exports, commands) and `of_answers` (panes, `qtui compare`) read the
current grades.
"""

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from typing import Any

from qtui.processes import events
from qtui.records import NOTHING_USED, Grade, Usage, content_hash
from qtui.store import judges, preferences
from qtui.store.connection import Store

COLUMNS = (
    "experiment",
    "model",
    "variant",
    "task",
    "sample",
    "judge",
    "take",
    "grade",
    "reason",
    "fingerprint",
    "left_out",
)
HUMAN = "human"
KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Place:
    """The answer that is graded, and the task it is graded for."""

    answer_id: int
    task_id: int
    second_id: int | None = None
    """Where two answers are compared, the second one: the grade is then a `Choice`, and kept as a preference."""


def key(answer_key: str, task_hash: str, judge: str, fingerprint: str, take: int) -> str:
    """Return the key of a grade: the hash of the answer, the task it is graded for, the judge with its settings, and the take."""
    return content_hash("grade", answer_key, task_hash, judge, fingerprint, take)


def human_key(place: Place) -> str:
    """Return the key of a person's grade: there is one per answer and task, of this store's ids."""
    return content_hash("human", place.answer_id, place.task_id)


def commit(store: Store, graded: Iterable[tuple[Place, Grade]]) -> None:
    """Write grades, durable on return. A grade replaces an earlier *ungraded* row, and adds what it used to what that had used.

    Nothing replaces a grade.
    """
    with store.writing():
        put(store, graded)


def put(store: Store, graded: Iterable[tuple[Place, Grade]]) -> None:
    """Write grades as `commit` does. Part of the caller's transaction."""
    for place, grade in graded:
        events.debug(
            f"judge {grade.judge}: answer {place.answer_id} gets {grade.grade or 'no grade'} (task id {place.task_id},"
            f" take {grade.take}, {grade.usage.requests} requests, {grade.seconds or 0:.2f} s)"
        )
        if place.second_id is not None:
            preferences.put(store, (place.answer_id, place.second_id, place.task_id), grade)
            continue
        store.execute(
            "INSERT INTO grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, left_out, created,"
            " requests, prompt_tokens, cached_tokens, completion_tokens)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET grade = excluded.grade,"
            " reason = excluded.reason, seconds = excluded.seconds, left_out = excluded.left_out, created = excluded.created,"
            " requests = grade.requests + excluded.requests, prompt_tokens = grade.prompt_tokens + excluded.prompt_tokens,"
            " cached_tokens = grade.cached_tokens + excluded.cached_tokens,"
            " completion_tokens = grade.completion_tokens + excluded.completion_tokens"
            " WHERE grade.grade IS NULL",
            (grade.key, place.answer_id, place.task_id, grade.judge, grade.fingerprint, grade.take, grade.grade,
             grade.reason, grade.seconds, None if grade.left_out is None else ",".join(grade.left_out), time.time(),
             *astuple(grade.usage)),
        )  # fmt: skip


def commit_human(store: Store, place: Place, grade: int | None, comment: str = "") -> None:
    """Write a person's grade, replacing the earlier one; None removes it."""
    grade_key = human_key(place)
    with store.writing():
        store.execute("DELETE FROM grade WHERE key = ?", (grade_key,))
        if grade is not None:
            store.execute(
                "INSERT INTO grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, created)"
                " VALUES (?,?,?,?,'',1,?,?,?)",
                (grade_key, place.answer_id, place.task_id, HUMAN, grade, comment, time.time()),
            )


def places(store: Store, run_id: int) -> dict[tuple[str, int], Place]:
    """Return the places of a run's answers by (key of the answer, position of the task from 1)."""
    rows = store.execute(
        "SELECT answer.key, answer.id AS answer_id, task.id AS task_id, task.position FROM variant"
        " JOIN variant_answer va ON va.variant_id = variant.id JOIN answer ON answer.id = va.answer_id"
        " JOIN task ON task.id = va.task_id WHERE variant.run_id = ?",
        (run_id,),
    )
    return {(row["key"], row["position"]): Place(row["answer_id"], row["task_id"]) for row in rows}


def values_by_key(store: Store, keys: Sequence[str]) -> dict[str, int | None]:
    """Return the grades and choices that the store has for these keys; None is *ungraded*, missing keys are left out."""
    values = preferences.values_by_key(store, keys)
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(f"SELECT key, grade FROM grade WHERE key IN ({','.join('?' * len(part))})", part)
        values |= {row["key"]: row["grade"] for row in rows}
    return values


def of_keys(store: Store, keys: Sequence[str]) -> dict[str, Grade]:
    """Return the grades and preferences with these keys, without *ungraded*; what they used is not part of them."""
    found = preferences.of_keys(store, keys)
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(
            "SELECT key, judge, take, grade, reason, fingerprint, seconds, left_out FROM grade"
            f" WHERE grade IS NOT NULL AND key IN ({','.join('?' * len(part))})",
            part,
        )
        for row in rows:
            left_out = None if row["left_out"] is None else tuple(filter(None, row["left_out"].split(",")))
            found[row["key"]] = Grade(
                row["key"], row["judge"], row["take"], row["grade"], row["reason"], row["fingerprint"], row["seconds"],
                NOTHING_USED, left_out,
            )  # fmt: skip
    return found


def usage(store: Store, run_id: int, judge: str, fingerprint: str) -> Usage:
    """Return what all grades or preferences of a judge in a run used; a count that any of them does not know is unknown."""
    sums = ", ".join(
        f"CASE WHEN count(*) = count({name}) THEN coalesce(sum({name}), 0) END" for name in Usage.__dataclass_fields__
    )
    row = store.execute(
        f"SELECT {sums} FROM grade WHERE id IN (SELECT grade.id FROM grade JOIN variant_answer va USING (answer_id, task_id)"
        " JOIN variant ON variant.id = va.variant_id WHERE variant.run_id = ? AND grade.judge = ? AND grade.fingerprint = ?)",
        (run_id, judge, fingerprint),
    ).fetchone()
    return Usage(*row) + preferences.usage(store, run_id, judge, fingerprint)


def rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Return the current grades of the runs' answers, with `COLUMNS`."""
    current_condition, values = _current_grade_condition(store, run_ids)
    return store.execute(
        "SELECT run.experiment, variant.model, variant.name, task.position, va.sample, grade.judge, grade.take, grade.grade,"
        " grade.reason, grade.fingerprint, grade.left_out FROM variant_answer va JOIN variant ON variant.id = va.variant_id"
        " JOIN run ON run.id = variant.run_id JOIN task ON task.id = va.task_id"
        " JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
        f" WHERE run.id IN ({','.join('?' * len(run_ids))})"
        f" AND {current_condition.format(run='run.id')}"
        " ORDER BY run.id, variant.position, task.position, va.sample, grade.judge, grade.take",
        (*run_ids, *values),
    ).fetchall()


def of_answers(store: Store, run_id: int, task_id: int, answer_ids: Collection[int]) -> list[sqlite3.Row]:
    """Return the run's current grades of answers to one task, as (answer_id, judge, take, grade, reason), by judge and take."""
    current_condition, values = _current_grade_condition(store, [run_id])
    return store.execute(
        "SELECT grade.answer_id, grade.judge, grade.take, grade.grade, grade.reason FROM grade"
        f" WHERE grade.task_id = ? AND grade.answer_id IN ({','.join('?' * len(answer_ids))})"
        f" AND {current_condition.format(run='?')}"
        " ORDER BY grade.judge, grade.take, grade.id",
        (task_id, *answer_ids, run_id, *values),
    ).fetchall()


def _current_grade_condition(store: Store, run_ids: Sequence[int]) -> tuple[str, tuple[Any, ...]]:
    """Return an SQL condition that only current grades meet, and its parameters. It tests a row of the table `grade`.

    Before use, `{run}` in the condition is replaced by an SQL expression for the run's id, one of `run_ids`. The condition lists
    the current judges, so that a query over all answers does not look up a judge for every row.
    """
    current = judges.current(store, run_ids)
    current_judges = f"VALUES {','.join(['(?,?,?)'] * len(current))}" if current else "SELECT 0, '', '' WHERE 0"
    values = chain.from_iterable((judge.run_id, judge.label, judge.fingerprint) for judge in current)
    return f"(grade.judge = '{HUMAN}' OR ({{run}}, grade.judge, grade.fingerprint) IN ({current_judges}))", tuple(
        values
    )
