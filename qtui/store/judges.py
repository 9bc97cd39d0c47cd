"""The judges of a run as the store has them, which of them have graded anything, and taking one from the run.

Grades belong to answers, not to runs: a judge that is taken from a run leaves its grades in the store, where no run shows them. The
same judge, asked again, finds them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtui.store.connection import Store


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


def of_run(store: Store, run_id: int) -> list[StoredJudge]:
    """In the order in which they came."""
    rows = store.execute(
        "SELECT id, run_id, label, takes, fingerprint, settings, state, reason FROM judge WHERE run_id = ? ORDER BY id",
        (run_id,),
    )
    return [StoredJudge(**(dict(row) | {"settings": json.loads(row["settings"])})) for row in rows]


def ask(store: Store, run_id: int, label: str, fingerprint: str, *, takes: int, settings: dict[str, Any]) -> None:
    """The judge waits to be asked, with these settings; one that the run has gets the greater number of takes.

    Part of the caller's transaction.
    """
    store.execute(
        "INSERT INTO judge (run_id, label, fingerprint, takes, settings) VALUES (?,?,?,?,?)"
        " ON CONFLICT (run_id, label, fingerprint) DO UPDATE"
        " SET takes = max(takes, excluded.takes), settings = excluded.settings, state = 'waiting', reason = ''",
        (run_id, label, fingerprint, takes, json.dumps(settings, ensure_ascii=False, sort_keys=True)),
    )


def count_grades(store: Store, judge: StoredJudge) -> int:
    """How many grades of the judge the run's answers have, *ungraded* left out."""
    return int(store.execute(f"SELECT count(*) {_GRADES_OF_JUDGE}", _values(judge)).fetchone()[0])


def has_graded(store: Store, judge: StoredJudge) -> bool:
    """Whether the judge has given the run's answers a single grade, which *ungraded* is not."""
    return store.execute(f"SELECT 1 {_GRADES_OF_JUDGE} LIMIT 1", _values(judge)).fetchone() is not None


def remove(store: Store, judges: Sequence[StoredJudge]) -> None:
    """Take judges from their runs. Part of the caller's transaction."""
    store.executemany("DELETE FROM judge WHERE id = ?", [(judge.id,) for judge in judges])


_GRADES_OF_JUDGE = (
    "FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
    " JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
    " WHERE variant.run_id = ? AND grade.judge = ? AND grade.fingerprint = ? AND grade.grade IS NOT NULL"
)


def _values(judge: StoredJudge) -> tuple[int, str, str]:
    return judge.run_id, judge.label, judge.fingerprint
