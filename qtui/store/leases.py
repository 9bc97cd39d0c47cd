"""Leases: which process runs a run (host, pid, heartbeat), so that two runners never do the same work and a dead one is noticed.

On the same host the process table decides at once (pid and start time, because pids are reused). On another host only the heartbeat
can be checked.
"""

import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from qtui.store import attempts
from qtui.store.connection import Store
from qtui.store.errors import LeaseHeldError

HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 30.0
START_TIME_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Holder:
    host: str
    pid: int

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}"


def holder(store: Store, run_id: int) -> Holder | None:
    """Return the living process that holds the lease, or None."""
    row = store.execute("SELECT * FROM lease WHERE run_id = ?", (run_id,)).fetchone()
    if row and is_held(row["host"], row["pid"], row["pid_started"], row["heartbeat"]):
        return Holder(row["host"], row["pid"])
    return None


def take(store: Store, run_id: int, endings: Sequence[str] = (), ends_at: float | None = None) -> None:
    """Make this process the runner of the run. Raises LeaseHeldError if another living process is.

    `endings` are the events that will end this process, as in `RunSummary.ends`, and `ends_at` is the latest time of that.
    """
    with store.writing():
        present = holder(store, run_id)
        if present and (present.host, present.pid) != (socket.gethostname(), os.getpid()):
            raise LeaseHeldError(run_id, str(present))
        store.execute(
            "INSERT OR REPLACE INTO lease (run_id, host, pid, pid_started, heartbeat, ends, ends_at) VALUES (?,?,?,?,?,?,?)",
            (run_id, socket.gethostname(), os.getpid(), psutil.Process().create_time(), time.time(),
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
        return time.time() - heartbeat < STALE_SECONDS
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - pid_started) < START_TIME_TOLERANCE_SECONDS
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
