"""The judges of a run in the store: which are current, their progress, adding and removing one.

Grades belong to answers, not to runs: a judge that is removed from a run leaves its grades in the store, where no run shows them.
Adding the same judge again reuses them.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from qtui.records import FIVE_POINTS, JudgeFacts, Scale
from qtui.run_progress import BatchProgress, JudgeProgress
from qtui.secrets import url_secrets
from qtui.store import batch_progress, json_columns, ordered_pairs
from qtui.store.connection import Store

ADDED = "added"
"""The key in the settings of a judge that a person added to a run; the judges of its experiment have none."""


@dataclass(frozen=True, slots=True)
class StoredJudge:
    id: int
    run_id: int
    label: str
    takes: int
    fingerprint: str
    settings: dict[str, Any]
    state: str
    reason: str

    @property
    def is_pairwise(self) -> bool:
        """Whether it compares two answers: its preferences are in a table of their own."""
        return bool(self.settings.get("pairwise"))


def of_run(store: Store, run_id: int) -> list[StoredJudge]:
    """Return the judges of a run, the oldest first."""
    rows = store.execute(
        "SELECT id, run_id, label, takes, fingerprint, settings, state, reason FROM judge WHERE run_id = ? ORDER BY id",
        (run_id,),
    )
    return [
        StoredJudge(**(dict(row) | {"settings": json_columns.value(store, "judge", "settings", row["settings"])}))
        for row in rows
    ]


def current(store: Store, run_ids: Sequence[int]) -> list[StoredJudge]:
    """Return the judges whose grades are current in the runs, one per label.

    A judge whose settings changed (another prompt, say) has several fingerprints under one label. Their grades are not on the same
    scale, so only the newest is current. If that failed without a single grade, the one before it stays current.
    """
    newest: dict[tuple[int, str], StoredJudge] = {}
    for judge in (judge for run_id in run_ids for judge in of_run(store, run_id)):
        place = judge.run_id, judge.label
        if place not in newest or judge.state != "failed" or has_graded(store, judge):
            newest[place] = judge
    return list(newest.values())


def scales(store: Store, run_ids: Sequence[int]) -> dict[tuple[int, str, str], Scale]:
    """Return the scales of the runs' judges by (run, label, fingerprint). Imported judges and older ones grade 1–5."""
    return {
        (judge.run_id, judge.label, judge.fingerprint): scale(judge)
        for run_id in run_ids
        for judge in of_run(store, run_id)
    }


def scale(judge: StoredJudge) -> Scale:
    """Return the scale of a judge."""
    stored = judge.settings.get("scale")
    return msgspec.convert(stored, Scale) if stored else FIVE_POINTS


def runs_with(store: Store, label: str, fingerprint: str) -> list[tuple[int, str]]:
    """Return the runs whose current judge has this label and these settings, the newest first, with the hash of their tasks."""
    rows = store.execute(
        "SELECT DISTINCT run.id, task_set.hash FROM judge JOIN run ON run.id = judge.run_id"
        " JOIN task_set ON task_set.id = run.task_set_id WHERE judge.label = ? AND judge.fingerprint = ? ORDER BY run.id DESC",
        (label, fingerprint),
    ).fetchall()
    current_ones = {
        (judge.run_id, judge.label, judge.fingerprint) for judge in current(store, [row["id"] for row in rows])
    }
    return [(row["id"], row["hash"]) for row in rows if (row["id"], label, fingerprint) in current_ones]


def put(store: Store, run_id: int, label: str, fingerprint: str, *, takes: int, settings: dict[str, Any]) -> None:
    """Add a judge to the run. An existing one gets these settings and the greater number of takes, and keeps its state.

    A judge that a person had added becomes one of the experiment. Part of the caller's transaction.
    """
    store.execute(
        "INSERT INTO judge (run_id, label, fingerprint, takes, settings) VALUES (?,?,?,?,?)"
        " ON CONFLICT (run_id, label, fingerprint) DO UPDATE"
        " SET takes = max(takes, excluded.takes), settings = excluded.settings",
        (run_id, label, fingerprint, takes, json.dumps(settings, ensure_ascii=False, sort_keys=True)),
    )


def ask(store: Store, run_id: int, label: str, fingerprint: str, *, takes: int, settings: dict[str, Any]) -> None:
    """Add a judge as `put` does, set it waiting and make it the newest of its label. Part of the caller's transaction."""
    put(store, run_id, label, fingerprint, takes=takes, settings=settings)
    store.execute(
        "UPDATE judge SET state = 'waiting', reason = '' WHERE run_id = ? AND label = ? AND fingerprint = ?",
        (run_id, label, fingerprint),
    )
    make_newest(store, run_id, label, fingerprint)


def make_newest(store: Store, run_id: int, label: str, fingerprint: str, *, before_added: bool = True) -> None:
    """Make the judge the newest of its label, so that reused settings are current again.

    If `before_added` is false, a newer judge that a person added stays the newest. No runner may be working on the run, because it
    refers to the judge by its id, which changes. Part of the caller's transaction.
    """
    row = store.execute(
        "SELECT own.id, count(newer.id) AS newer, coalesce(sum(json_extract(newer.settings, ?)), 0) AS added FROM judge own"
        " LEFT JOIN judge newer ON newer.run_id = own.run_id AND newer.label = own.label AND newer.id > own.id"
        " WHERE own.run_id = ? AND own.label = ? AND own.fingerprint = ?",
        (f"$.{ADDED}", run_id, label, fingerprint),
    ).fetchone()
    if row["newer"] and (before_added or not row["added"]):
        store.execute("UPDATE judge SET id = (SELECT max(id) + 1 FROM judge) WHERE id = ?", (row["id"],))


def set_facts(store: Store, judge: StoredJudge, facts: JudgeFacts) -> None:
    """Write how the judge's endpoint is asked."""
    with store.writing():
        store.execute("UPDATE judge SET facts = ? WHERE id = ?", (msgspec.json.encode(facts).decode(), judge.id))


def set_may_stop_early(store: Store, judge: StoredJudge) -> None:
    """Write that judging may end when the verdicts are reached, before everything is graded."""
    with store.writing():
        store.execute("UPDATE judge SET may_stop_early = 1 WHERE id = ?", (judge.id,))


def that_may_stop_early(store: Store, run_ids: Sequence[int]) -> list[StoredJudge]:
    """Return the current judges of the runs that were ever asked only until the verdicts were reached."""
    marked = {
        row["id"] for run_id in run_ids
        for row in store.execute("SELECT id FROM judge WHERE run_id = ? AND may_stop_early", (run_id,))
    }  # fmt: skip
    return [judge for judge in current(store, run_ids) if judge.id in marked] if marked else []


def facts(store: Store, judge: StoredJudge) -> JudgeFacts:
    """Return how the judge's endpoint is asked, as far as any run of the store has found out for these settings."""
    row = store.execute(
        "SELECT facts FROM judge WHERE label = ? AND fingerprint = ? AND facts != '{}' ORDER BY id = ? DESC, id DESC LIMIT 1",
        (judge.label, judge.fingerprint, judge.id),
    ).fetchone()
    return _facts(store, row["facts"]) if row else JudgeFacts()


def count_grades(store: Store, judge: StoredJudge) -> int:
    """Return how many grades of the judge the run's answers have, without *ungraded*; of a pairwise judge, preferences."""
    if judge.is_pairwise:
        return ordered_pairs.count(store, *_values(judge))
    return int(store.execute(f"SELECT count(*) {_GRADES_OF_JUDGE}", _values(judge)).fetchone()[0])


def has_graded(store: Store, judge: StoredJudge) -> bool:
    """Return whether the run's answers have any grade of the judge, or any preference; *ungraded* is none."""
    if judge.is_pairwise:
        return ordered_pairs.count(store, *_values(judge), most=1) > 0
    return store.execute(f"SELECT 1 {_GRADES_OF_JUDGE} LIMIT 1", _values(judge)).fetchone() is not None


def remove(store: Store, judges: Sequence[StoredJudge]) -> None:
    """Remove judges from their runs. Part of the caller's transaction."""
    store.executemany("DELETE FROM judge WHERE id = ?", [(judge.id,) for judge in judges])


def progress(store: Store, run_ids: Sequence[int] | None) -> dict[int, list[JudgeProgress]]:
    """Return the progress of every judge by run (None is all runs); each fingerprint of a judge has its own entry."""
    where = "" if run_ids is None else f"WHERE judge.run_id IN ({','.join('?' * len(run_ids))})"
    rows = store.execute(
        "SELECT judge.*, json_extract(judge.settings, '$.pairwise') AS is_pairwise,"
        " max(grade.created) AS last_graded, count(grade.id) AS asked,"
        " coalesce(sum(grade.id IS NOT NULL AND grade.grade IS NULL), 0) AS ungraded,"
        " json_group_array(DISTINCT variant.id) FILTER (WHERE grade.grade IS NOT NULL) AS graded_variants,"
        " CASE WHEN json_extract(judge.settings, '$.kind') IS NULL THEN count(grade.id)"
        "  ELSE (SELECT coalesce(sum(expected), 0) FROM variant WHERE variant.run_id = judge.run_id) * judge.takes END"
        " AS expected"
        " FROM judge LEFT JOIN variant ON variant.run_id = judge.run_id"
        " LEFT JOIN variant_answer va ON va.variant_id = variant.id"
        " LEFT JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
        "  AND grade.judge = judge.label AND grade.fingerprint = judge.fingerprint AND grade.take <= judge.takes"
        f" {where} GROUP BY judge.id ORDER BY judge.id",
        tuple(run_ids or ()),
    ).fetchall()
    by_run: dict[int, list[JudgeProgress]] = {}
    batches = batch_progress.progress(store, run_ids)
    of_pairs = ordered_pairs.progress(store, sorted({row["run_id"] for row in rows if row["is_pairwise"]}))
    for row in rows:
        key = row["run_id"], row["label"], row["fingerprint"]
        of_judge = _progress(store, row, tuple(batches.get(key, ())))
        if key in of_pairs:
            of_judge = _with_pairs(of_judge, of_pairs[key])
        by_run.setdefault(row["run_id"], []).append(of_judge)
    return by_run


def _progress(store: Store, row: sqlite3.Row, batches: tuple[BatchProgress, ...]) -> JudgeProgress:
    return JudgeProgress(
        id=row["id"],
        run_id=row["run_id"],
        label=row["label"],
        takes=row["takes"],
        fingerprint=row["fingerprint"],
        state=row["state"],
        reason=url_secrets.mask(row["reason"]),
        expected=row["expected"],
        graded=row["asked"] - row["ungraded"],
        ungraded=row["ungraded"],
        last_graded=row["last_graded"],
        graded_variants=tuple(sorted(json.loads(row["graded_variants"]))),
        left_out=_facts(store, row["facts"]).left_out,
        batches=batches,
    )


def _with_pairs(judge: JudgeProgress, pairs: ordered_pairs.Judged) -> JudgeProgress:
    return replace(
        judge,
        is_pairwise=True,
        expected=pairs.expected,
        graded=pairs.judged,
        ungraded=pairs.unjudged,
        last_graded=pairs.last,
        graded_variants=pairs.variants,
    )


def _facts(store: Store, stored: str) -> JudgeFacts:
    found: JudgeFacts = json_columns.value(store, "judge", "facts", stored)
    return found


_GRADES_OF_JUDGE = (
    "FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
    " JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
    " WHERE variant.run_id = ? AND grade.judge = ? AND grade.fingerprint = ? AND grade.grade IS NOT NULL"
)


def _values(judge: StoredJudge) -> tuple[int, str, str]:
    return judge.run_id, judge.label, judge.fingerprint
