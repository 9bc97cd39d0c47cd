"""Preferences: which of two answers to a task a pairwise judge prefers, a row per order and take; NULL if no reply could be read.

As with grades, a run shows only those of its current judges (see `judges.current`).
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from qtui.records import Choice, Grade, Usage, content_hash
from qtui.store import conversations, judges, tasks
from qtui.store.answers import PendingAnswer
from qtui.store.connection import Store
from qtui.store.ordered_pairs import OF_JUDGE, ordered_pairs

COLUMNS = (
    "experiment", "model", "baseline", "candidate", "task", "sample", "judge", "take", "candidate_first", "choice", "reason",
    "fingerprint", "left_out",
)  # fmt: skip
KEYS_PER_QUERY = 500
_WORDS = {choice: choice.name.lower() for choice in Choice}


@dataclass(frozen=True, slots=True)
class PendingPair:
    """Two answers to one task, in this order, that a judge has not been asked about yet."""

    first: PendingAnswer
    second: PendingAnswer

    @property
    def task_id(self) -> int:
        return self.first.task_id


def key(answer_keys: tuple[str, str], task_hash: str, judge: str, fingerprint: str, take: int) -> str:
    """Return the key of a preference: the hash of both answers in their order, the task, the judge with its settings, the take."""
    return content_hash("preference", *answer_keys, task_hash, judge, fingerprint, take)


def put(store: Store, places: tuple[int, int, int], preference: Grade) -> None:
    """Write a preference; `places` are the ids of first answer, second answer and task. Part of the caller's transaction.

    It replaces an earlier *unjudged* row, and adds what it used to what that had used. Nothing replaces a choice.
    """
    choice = None if preference.grade is None else _WORDS[Choice(preference.grade)]
    store.execute(
        "INSERT INTO preference (key, first_id, second_id, task_id, judge, fingerprint, take, choice, reason, seconds, left_out,"
        " created, requests, prompt_tokens, cached_tokens, completion_tokens)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET choice = excluded.choice,"
        " reason = excluded.reason, seconds = excluded.seconds, left_out = excluded.left_out, created = excluded.created,"
        " requests = preference.requests + excluded.requests,"
        " prompt_tokens = preference.prompt_tokens + excluded.prompt_tokens,"
        " cached_tokens = preference.cached_tokens + excluded.cached_tokens,"
        " completion_tokens = preference.completion_tokens + excluded.completion_tokens"
        " WHERE preference.choice IS NULL",
        (preference.key, *places, preference.judge, preference.fingerprint, preference.take, choice, preference.reason,
         preference.seconds, None if preference.left_out is None else ",".join(preference.left_out), time.time(),
         *astuple(preference.usage)),
    )  # fmt: skip


def pending(store: Store, run_id: int, judge: str, fingerprint: str, take: int) -> list[PendingPair]:
    """Return the run's ordered pairs without a row of this judge and take. An *unjudged* row counts: the judge was asked.

    Both orders of a pair stand together. Those that an open batch of the judge asks about are left out, too.
    """
    rows = store.execute(
        "SELECT DISTINCT first.id AS first_id, first.key AS first_key, first.text AS first_text, second.id AS second_id,"
        f" second.key AS second_key, second.text AS second_text, task.id AS task_id, {tasks.COLUMNS}"
        f" FROM {ordered_pairs(1)} pair JOIN answer first ON first.id = pair.first_id"
        " JOIN answer second ON second.id = pair.second_id JOIN task ON task.id = pair.task_id"
        f" WHERE NOT EXISTS (SELECT 1 FROM preference WHERE {OF_JUDGE} AND preference.judge = ? AND preference.fingerprint = ?"
        "  AND preference.take = ?) AND NOT EXISTS"
        " (SELECT 1 FROM batch JOIN batch_question question ON question.batch = batch.id WHERE batch.judge = ?"
        "  AND batch.fingerprint = ? AND batch.state NOT IN ('fetched', 'returned') AND question.answer_id = pair.first_id"
        "  AND question.second_id = pair.second_id AND question.task_id = pair.task_id AND question.take = ?)"
        " ORDER BY pair.position, task.position, pair.sample, pair.is_swapped",
        (run_id, judge, fingerprint, take, judge, fingerprint, take),
    ).fetchall()
    return _with_earlier(store, run_id, [pair(row) for row in rows])


def pair(row: sqlite3.Row) -> PendingPair:
    """Return the pair of a row with both answers (`first_…`, `second_…`) and the task, without the turns before."""
    task = tasks.task(row)
    first, second = (
        PendingAnswer(row[f"{place}_id"], row[f"{place}_key"], row["task_id"], row[f"{place}_text"], task)
        for place in ("first", "second")
    )
    return PendingPair(first, second)


def with_turns(item: PendingPair, earlier: conversations.Earlier) -> PendingPair:
    """Return the pair with the turns before each answer in its conversation."""
    first, second = (
        replace(each, earlier=earlier.get((each.answer_id, each.task_id), ())) for each in (item.first, item.second)
    )
    return PendingPair(first, second)


def _with_earlier(store: Store, run_id: int, pairs: Sequence[PendingPair]) -> list[PendingPair]:
    if all(each.first.task.follows is None for each in pairs):
        return list(pairs)
    earlier = conversations.earlier_turns(store, run_id)
    return [with_turns(each, earlier) for each in pairs]


def known(store: Store, judge: judges.StoredJudge, take: int) -> list[tuple[PendingPair, Grade]]:
    """Return the run's pairs that have a choice of this judge in this take, with it, in any order.

    An equal pair of texts that is answered later (another variant's) shares it.
    """
    of_judge = judge.run_id, judge.label, judge.fingerprint
    rows = store.execute(
        "SELECT DISTINCT first.id AS first_id, first.key AS first_key, first.text AS first_text, second.id AS second_id,"
        f" second.key AS second_key, second.text AS second_text, task.id AS task_id, {tasks.COLUMNS},"
        " preference.key AS preference_key, preference.choice, preference.reason, preference.left_out"
        f" FROM {ordered_pairs(1)} pair JOIN preference ON {OF_JUDGE} JOIN answer first ON first.id = pair.first_id"
        " JOIN answer second ON second.id = pair.second_id JOIN task ON task.id = pair.task_id"
        " WHERE preference.judge = ? AND preference.fingerprint = ? AND preference.take = ? AND preference.choice IS NOT NULL",
        (*of_judge, take),
    ).fetchall()
    pairs = _with_earlier(store, judge.run_id, [pair(row) for row in rows])
    return [
        (
            each,
            Grade(
                key=row["preference_key"],
                judge=judge.label,
                take=take,
                grade=Choice[row["choice"].upper()],
                reason=row["reason"],
                fingerprint=judge.fingerprint,
                left_out=None if row["left_out"] is None else tuple(filter(None, row["left_out"].split(","))),
            ),
        )
        for each, row in zip(pairs, rows, strict=True)
    ]


def values_by_key(store: Store, keys: Sequence[str]) -> dict[str, int | None]:
    """Return the choices that the store has for these keys; None is *unjudged*, missing keys are left out."""
    values: dict[str, int | None] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(f"SELECT key, choice FROM preference WHERE key IN ({','.join('?' * len(part))})", part)
        values |= {row["key"]: None if row["choice"] is None else Choice[row["choice"].upper()] for row in rows}
    return values


def usage(store: Store, run_id: int, judge: str, fingerprint: str) -> Usage:
    """Return what all preferences of a judge in a run used; a count that any of them does not know is unknown."""
    sums = ", ".join(
        f"CASE WHEN count(*) = count({name}) THEN coalesce(sum({name}), 0) END" for name in Usage.__dataclass_fields__
    )
    row = store.execute(
        f"SELECT {sums} FROM preference WHERE id IN (SELECT preference.id FROM {ordered_pairs(1)} pair"
        f" JOIN preference ON {OF_JUDGE} WHERE preference.judge = ? AND preference.fingerprint = ?)",
        (run_id, judge, fingerprint),
    ).fetchone()
    return Usage(*row)


def rows(store: Store, run_ids: Sequence[int]) -> list[sqlite3.Row]:
    """Return the current preferences between the runs' answers, with `COLUMNS`. `candidate_first` is 0 or 1."""
    current, values = _current(store, run_ids)
    return store.execute(
        "SELECT run.experiment, pair.model, base.name AS baseline, other.name AS candidate, task.position AS task, pair.sample,"
        " preference.judge, preference.take, pair.is_swapped AS candidate_first, preference.choice, preference.reason,"
        f" preference.fingerprint, preference.left_out FROM {ordered_pairs(len(run_ids))} pair"
        f" JOIN preference ON {OF_JUDGE} JOIN run ON run.id = pair.run_id JOIN variant base ON base.id = pair.baseline"
        " JOIN variant other ON other.id = pair.candidate JOIN task ON task.id = pair.task_id"
        f" WHERE (pair.run_id, preference.judge, preference.fingerprint) IN ({current})"
        " ORDER BY pair.run_id, base.position, pair.position, task.position, pair.sample, preference.judge, preference.take,"
        " pair.is_swapped",
        (*run_ids, *values),
    ).fetchall()


@dataclass(frozen=True, slots=True)
class PreferenceLine:
    """What a judge said of two answers in one order. `first` and `second` are variants."""

    baseline: str
    candidate: str
    sample: int
    judge: str
    take: int
    candidate_first: bool
    choice: Choice | None
    """None is unjudged."""
    reason: str

    @property
    def preferred(self) -> str | None:
        """The variant that is preferred; None after a tie or no choice."""
        if self.choice in (None, Choice.TIE):
            return None
        return self.candidate if (self.choice is Choice.FIRST) == self.candidate_first else self.baseline


def of_task(store: Store, run_id: int, model: str, task_id: int) -> tuple[PreferenceLine, ...]:
    """Return the run's current preferences between a model's answers to one task, by candidate, sample, judge, take and order."""
    current, values = _current(store, [run_id])
    found = store.execute(
        "SELECT base.name AS baseline, other.name AS candidate, pair.sample, preference.judge, preference.take, pair.is_swapped,"
        f" preference.choice, preference.reason FROM {ordered_pairs(1)} pair JOIN preference ON {OF_JUDGE}"
        " JOIN variant base ON base.id = pair.baseline JOIN variant other ON other.id = pair.candidate"
        " WHERE pair.model = ? AND pair.task_id = ?"
        f" AND (pair.run_id, preference.judge, preference.fingerprint) IN ({current})"
        " ORDER BY pair.position, pair.sample, preference.judge, preference.take, pair.is_swapped",
        (run_id, model, task_id, *values),
    )
    return tuple(
        PreferenceLine(
            row["baseline"],
            row["candidate"],
            row["sample"],
            row["judge"],
            row["take"],
            bool(row["is_swapped"]),
            None if row["choice"] is None else Choice[row["choice"].upper()],
            row["reason"],
        )
        for row in found
    )


def _current(store: Store, run_ids: Sequence[int]) -> tuple[str, list[int | str]]:
    """Return SQL that lists the current pairwise judges as (run, label, fingerprint), and its parameters."""
    found = [judge for judge in judges.current(store, run_ids) if judge.is_pairwise]
    values = [value for judge in found for value in (judge.run_id, judge.label, judge.fingerprint)]
    return f"VALUES {','.join(['(?,?,?)'] * len(found))}" if found else "SELECT 0, '', '' WHERE 0", values
