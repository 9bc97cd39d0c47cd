"""Preferences: which of two answers to a task a pairwise judge prefers, a row per order and take; NULL if no reply could be read.

As with grades, a run shows only those of its current judges (see `judges.current`).
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from qtui.records import NOTHING_USED, Choice, Grade, Usage, content_hash
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


PairKey = tuple[int, int, int]
"""(id of the first answer, of the second one, of the task)."""
Takes = dict[int, bool | None]
"""Take that the judge was asked for → whether it has a choice; False is *unjudged*, None is asked by an open batch."""


@dataclass(frozen=True, slots=True)
class PendingPair:
    """Two answers to one task, in this order, that a judge has not been asked about yet."""

    first: PendingAnswer
    second: PendingAnswer

    @property
    def task_id(self) -> int:
        return self.first.task_id

    @property
    def key(self) -> PairKey:
        return self.first.answer_id, self.second.answer_id, self.first.task_id


Pending = PendingAnswer | PendingPair
"""What is graded: an answer, or two answers in the order in which they are compared."""


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


def takes(store: Store, run_id: int, judge: str, fingerprint: str, *, after: int = 0) -> dict[PairKey, Takes]:
    """Return for which takes the judge was asked about the run's ordered pairs; only those with an answer above the id `after`."""
    names = {"run": run_id, "judge": judge, "fingerprint": fingerprint, "after": after}
    found: dict[PairKey, Takes] = {}
    for row in store.execute(
        "SELECT question.answer_id, question.second_id, question.task_id, question.take FROM batch"
        " JOIN batch_question question ON question.batch = batch.id WHERE batch.judge = :judge"
        " AND batch.fingerprint = :fingerprint AND batch.state NOT IN ('fetched', 'returned')"
        " AND max(question.answer_id, question.second_id) > :after",
        names,
    ):
        found.setdefault((row["answer_id"], row["second_id"], row["task_id"]), {})[row["take"]] = None
    for row in store.execute(
        "SELECT DISTINCT preference.first_id, preference.second_id, preference.task_id, preference.take,"
        f" preference.choice IS NOT NULL AS has_choice FROM variant_answer va JOIN preference ON {_OF_EITHER}"
        " WHERE va.variant_id IN (SELECT id FROM variant WHERE run_id = :run) AND preference.judge = :judge"
        "  AND preference.fingerprint = :fingerprint AND max(preference.first_id, preference.second_id) > :after",
        names,
    ):
        found.setdefault((row["first_id"], row["second_id"], row["task_id"]), {})[row["take"]] = bool(row["has_choice"])
    return found


_OF_EITHER = "preference.first_id = va.answer_id AND preference.task_id = va.task_id"
"""Every pair is stored in both orders at the latest when it is whole; what was asked in one order alone has a first answer, too."""


def pair(store: Store, row: sqlite3.Row) -> PendingPair:
    """Return the pair of a row with both answers (`first_…`, `second_…`) and the task, without the turns before."""
    task = tasks.task(store, row)
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


def of_keys(store: Store, keys: Sequence[str]) -> dict[str, Grade]:
    """Return the preferences with these keys, without *unjudged*; what they used is not part of them."""
    found: dict[str, Grade] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(
            "SELECT key, judge, take, choice, reason, fingerprint, seconds, left_out FROM preference"
            f" WHERE choice IS NOT NULL AND key IN ({','.join('?' * len(part))})",
            part,
        )
        for row in rows:
            left_out = None if row["left_out"] is None else tuple(filter(None, row["left_out"].split(",")))
            found[row["key"]] = Grade(
                row["key"], row["judge"], row["take"], Choice[row["choice"].upper()], row["reason"], row["fingerprint"],
                row["seconds"], NOTHING_USED, left_out,
            )  # fmt: skip
    return found


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
