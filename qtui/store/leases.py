"""Leases: which process runs a run (host, pid, heartbeat), so that two runners never do the same work and a dead one is noticed.

On the same host the process table decides at once (pid and start time, because pids are reused). On another host only the heartbeat
can be checked. Clocks of two hosts differ, and clocks are set: before a runner takes over from another host, it watches for some
seconds that the heartbeat does not change.
"""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from qtui.store import attempts, process_start
from qtui.store.connection import Store
from qtui.store.errors import LeaseHeldError

HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 30.0
WATCHED_SECONDS = 4 * HEARTBEAT_SECONDS
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    host: str
    pid: int

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}"


def holder(store: Store, run_id: int) -> Holder | None:
    """Return the living process that holds the lease, or None."""
    row = _row(store, run_id)
    if row and is_held(row["host"], row["pid"], row["pid_started"], row["heartbeat"]):
        return Holder(row["host"], row["pid"])
    return None


def take(
    store: Store,
    run_id: int,
    endings: Sequence[str] = (),
    ends_at: float | None = None,
    *,
    watched_seconds: float = WATCHED_SECONDS,
) -> None:
    """Make this process the runner of the run. Raises LeaseHeldError if another living process is.

    `endings` are the events that will end this process, as in `RunSummary.ends`, and `ends_at` is the latest time of that.
    `watched_seconds`: how long the heartbeat of another host must not change until its lease is taken over.
    """
    _watch_other_host(store, run_id, watched_seconds)
    with store.writing():
        present = holder(store, run_id)
        if present and (present.host, present.pid) != (socket.gethostname(), os.getpid()):
            raise LeaseHeldError(run_id, str(present))
        store.execute(
            "INSERT OR REPLACE INTO lease (run_id, host, pid, pid_started, heartbeat, ends, ends_at) VALUES (?,?,?,?,?,?,?)",
            (run_id, socket.gethostname(), os.getpid(), process_start.start_of(os.getpid()), time.time(),
             json.dumps(list(endings), ensure_ascii=False), ends_at),
        )  # fmt: skip


def beat(store: Store, run_id: int) -> bool:
    """Record that this process is alive. Return False if another host took over the lease because it seemed dead."""
    now = time.time()
    with store.writing():
        cursor = store.execute(
            "UPDATE lease SET heartbeat = ? WHERE run_id = ? AND host = ? AND pid = ?",
            (now, run_id, socket.gethostname(), os.getpid()),
        )
        attempts.record_heartbeat(store, run_id, now, asleep_after=STALE_SECONDS)
    return cursor.rowcount == 1


def release(store: Store, run_id: int) -> None:
    """Give up the lease if this process holds it."""
    with store.writing():
        store.execute(
            "DELETE FROM lease WHERE run_id = ? AND host = ? AND pid = ?",
            (run_id, socket.gethostname(), os.getpid()),
        )


def is_held(host: str, pid: int, pid_started: float, heartbeat: float) -> bool:
    """Return whether the process with this pid and start time is alive, or its heartbeat recent if it is on another host."""
    if host != socket.gethostname():
        # A heartbeat in the future is one of a clock that was set back since, and no proof of life.
        return abs(time.time() - heartbeat) < STALE_SECONDS
    return process_start.is_alive(pid, pid_started)


def _watch_other_host(store: Store, run_id: int, seconds: float) -> None:
    """Watch a lease of another host that looks stale by the clock of this one. Raises LeaseHeldError if it is alive."""
    row = _row(store, run_id)
    if row is None or row["host"] == socket.gethostname():
        return
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_held(row["host"], row["pid"], row["pid_started"], row["heartbeat"]):
        time.sleep(_POLL_SECONDS)
        now = _row(store, run_id)
        if now is None or now["host"] != row["host"]:
            return
        if now["heartbeat"] != row["heartbeat"]:
            raise LeaseHeldError(run_id, str(Holder(now["host"], now["pid"])))


def _row(store: Store, run_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = store.execute("SELECT * FROM lease WHERE run_id = ?", (run_id,)).fetchone()
    return row
