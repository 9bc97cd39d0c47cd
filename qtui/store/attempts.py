"""Attempts: the periods in which a runner worked on a run. Resuming an interrupted or cancelled run starts a new attempt.

The active time of a run is the sum of its attempts without pauses: it excludes the gap between two attempts, such as a night after
a power cut. A killed runner does not close its attempt, which then ends at its last heartbeat.

The statements run within transactions of `runs` and `leases`, which call them.
"""

import os
import socket
import sqlite3
from collections.abc import Sequence

from qtui.run_progress import NOTHING_TO_DO, Attempt
from qtui.store.connection import Store

INTERRUPTED = "interrupted"


def begin(store: Store, run_id: int, now: float) -> None:
    """Open an attempt of this process. An attempt that a killed runner left open is closed at its last heartbeat."""
    store.execute(
        "UPDATE attempt SET ended = seen, outcome = ?, paused_since = NULL,"
        " paused_seconds = paused_seconds + max(0, seen - coalesce(paused_since, seen)) WHERE run_id = ? AND ended IS NULL",
        (INTERRUPTED, run_id),
    )
    store.execute(
        "INSERT INTO attempt (run_id, host, pid, started, seen) VALUES (?,?,?,?,?)",
        (run_id, socket.gethostname(), os.getpid(), now, now),
    )


def record_heartbeat(store: Store, run_id: int, now: float, *, asleep_after: float) -> None:
    """Record that the runner is alive. A gap above `asleep_after` seconds means that the machine slept: it counts as a pause."""
    store.execute(
        "UPDATE attempt SET paused_seconds = paused_seconds"
        "  + CASE WHEN paused_since IS NULL AND ? - seen > ? THEN ? - seen ELSE 0 END,"
        f" seen = ? WHERE {_OF_THIS_PROCESS}",
        (now, asleep_after, now, now, *_this_process(run_id)),
    )


def move(store: Store, run_id: int, seconds: float) -> None:
    """Move the times of this process's attempt, which were taken from a clock that has been set since."""
    store.execute(
        "UPDATE attempt SET started = started + ?, seen = seen + ?, paused_since = paused_since + ?"
        f" WHERE {_OF_THIS_PROCESS}",
        (seconds, seconds, seconds, *_this_process(run_id)),
    )


def pause(store: Store, run_id: int, now: float) -> None:
    """Start a pause, unless one has started already."""
    store.execute(
        f"UPDATE attempt SET paused_since = coalesce(paused_since, ?) WHERE {_OF_THIS_PROCESS}",
        (now, *_this_process(run_id)),
    )


def resume(store: Store, run_id: int, now: float) -> float:
    """End the pause, if there is one, and return its length in seconds."""
    row = store.execute(f"SELECT paused_since FROM attempt WHERE {_OF_THIS_PROCESS}", _this_process(run_id)).fetchone()
    if row is None or row["paused_since"] is None:
        return 0.0
    seconds = max(0.0, now - float(row["paused_since"]))
    store.execute(
        f"UPDATE attempt SET paused_seconds = paused_seconds + ?, paused_since = NULL WHERE {_OF_THIS_PROCESS}",
        (seconds, *_this_process(run_id)),
    )
    return seconds


def end(store: Store, run_id: int, outcome: str, now: float) -> None:
    """Close the attempt of this process. If a later attempt is done without new results, the outcome is NOTHING_TO_DO."""
    resume(store, run_id, now)
    store.execute(
        "UPDATE attempt SET ended = ?, seen = ?, outcome ="
        f"  CASE WHEN ? = 'done' AND {_IS_LATER} AND NOT {_HAS_RESULTS} THEN ? ELSE ? END WHERE {_OF_THIS_PROCESS}",
        (now, now, outcome, NOTHING_TO_DO, outcome, *_this_process(run_id)),
    )


def of_runs(store: Store, run_ids: Sequence[int] | None = None) -> dict[int, list[Attempt]]:
    """Return the attempts of all runs (or of `run_ids`) by run, the oldest first."""
    where = "" if run_ids is None else f"WHERE run_id IN ({','.join('?' * len(run_ids))})"
    by_run: dict[int, list[Attempt]] = {}
    for row in store.execute(f"SELECT * FROM attempt {where} ORDER BY run_id, id", tuple(run_ids or ())):
        by_run.setdefault(row["run_id"], []).append(_attempt(row))
    return by_run


_OF_THIS_PROCESS = "run_id = ? AND host = ? AND pid = ? AND ended IS NULL"
"""Condition for the open attempt of this process."""

_IS_LATER = "EXISTS (SELECT 1 FROM attempt AS other WHERE other.run_id = attempt.run_id AND other.id < attempt.id)"

_HAS_RESULTS = (
    "EXISTS (SELECT 1 FROM variant JOIN variant_answer va ON va.variant_id = variant.id JOIN answer ON answer.id = va.answer_id"
    "  LEFT JOIN grade ON grade.answer_id = va.answer_id AND grade.task_id = va.task_id"
    "  WHERE variant.run_id = attempt.run_id AND (answer.created >= attempt.started OR grade.created >= attempt.started))"
)


def _this_process(run_id: int) -> tuple[int, str, int]:
    return run_id, socket.gethostname(), os.getpid()


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(
        host=row["host"],
        pid=row["pid"],
        started=row["started"],
        seen=row["seen"],
        ended=row["ended"],
        outcome=row["outcome"],
        paused_seconds=row["paused_seconds"],
        paused_since=row["paused_since"],
    )
