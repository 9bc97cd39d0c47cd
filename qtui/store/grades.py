"""Grades: one judge's 1–5 for one answer to one task and one take, or *ungraded* (NULL) where no reply could be read."""

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from qtui.records import Grade, content_hash
from qtui.store import judges
from qtui.store.connection import Store
from qtui.store.judges import StoredJudge

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
)
HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Place:
    """The answer that is graded, and the task it is graded for."""

    answer_id: int
    task_id: int


def key(answer_key: str, task_hash: str, judge: str, fingerprint: str, take: int) -> str:
    """What decides a grade: the answer, the task it is held against, the judge with its settings, the take."""
    return content_hash("grade", answer_key, task_hash, judge, fingerprint, take)


def commit(store: Store, graded: Iterable[tuple[Place, Grade]]) -> None:
    """Write grades, durable when this returns. A readable grade replaces an earlier *ungraded*; nothing replaces a grade."""
    with store.writing():
        for place, grade in graded:
            store.execute(
                "INSERT INTO grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, seconds, created)"
                " VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET grade = excluded.grade,"
                " reason = excluded.reason, seconds = excluded.seconds, created = excluded.created"
                " WHERE grade.grade IS NULL",
                (grade.key, place.answer_id, place.task_id, grade.judge, grade.fingerprint, grade.take, grade.grade,
                 grade.reason, grade.seconds, time.time()),
            )  # fmt: skip


def commit_human(store: Store, place: Place, grade: int | None, comment: str = "") -> None:
    """A person's own grade: given again it replaces the earlier one, None takes it back."""
    own = content_hash("human", place.answer_id, place.task_id)
    with store.writing():
        store.execute("DELETE FROM grade WHERE key = ?", (own,))
        if grade is not None:
            store.execute(
                "INSERT INTO grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, created)"
                " VALUES (?,?,?,?,'',1,?,?,?)",
                (own, place.answer_id, place.task_id, HUMAN, grade, comment, time.time()),
            )


def rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Every grade that counts of the runs' answers, in the order of `COLUMNS`.

    What counts are a person's grades and those of the run's judges. Of a judge whose settings have changed (two fingerprints under
    one label) only the newest counts: they are two scales. One that failed without a single grade is no scale.
    """
    scales = _scales(store, run_ids)
    return store.execute(
        "SELECT run.experiment, variant.model, variant.name, task.position, va.sample, grade.judge, grade.take, grade.grade,"
        " grade.reason, grade.fingerprint FROM variant_answer va JOIN variant ON variant.id = va.variant_id"
        " JOIN run ON run.id = variant.run_id JOIN task ON task.id = va.task_id"
        " JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
        f" WHERE run.id IN ({','.join('?' * len(run_ids))})"
        f" AND (grade.judge = '{HUMAN}' OR (run.id, grade.judge, grade.fingerprint) IN ({_places(scales)}))"
        " ORDER BY run.id, variant.position, task.position, va.sample, grade.judge, grade.take",
        (*run_ids, *chain.from_iterable(scales)),
    ).fetchall()


def of_answers(store: Store, run_id: int, task_id: int, answer_ids: Collection[int]) -> list[sqlite3.Row]:
    """The grades of answers to one task that count in the run, as (answer_id, judge, take, grade, reason), by judge and take."""
    scales = _scales(store, [run_id])
    return store.execute(
        "SELECT grade.answer_id, grade.judge, grade.take, grade.grade, grade.reason FROM grade"
        f" WHERE grade.task_id = ? AND grade.answer_id IN ({','.join('?' * len(answer_ids))})"
        f" AND (grade.judge = '{HUMAN}' OR (?, grade.judge, grade.fingerprint) IN ({_places(scales)}))"
        " ORDER BY grade.judge, grade.take, grade.id",
        (task_id, *answer_ids, run_id, *chain.from_iterable(scales)),
    ).fetchall()


def _scales(store: Store, run_ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """(run, judge's label, fingerprint) whose grades count."""
    newest: dict[tuple[int, str], StoredJudge] = {}
    for judge in (judge for run_id in run_ids for judge in judges.of_run(store, run_id)):
        place = judge.run_id, judge.label
        if place not in newest or judge.state != "failed" or judges.has_graded(store, judge):
            newest[place] = judge
    return [(run_id, label, judge.fingerprint) for (run_id, label), judge in newest.items()]


def _places(scales: Sequence[tuple[int, str, str]]) -> str:
    return f"VALUES {','.join(['(?,?,?)'] * len(scales))}" if scales else "SELECT 0, '', '' WHERE 0"
