"""Who is running a run: host, process, heartbeat. Two runners never do the same work, and a dead one is recognised.

On the same host the process table decides at once (pid and its start time: a reused pid is another process). From another host
only the heartbeat can be seen.
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
    """Who holds the lease now, or None if nobody alive does."""
    row = store.execute("SELECT * FROM lease WHERE run_id = ?", (run_id,)).fetchone()
    if row and is_held(row["host"], row["pid"], row["pid_started"], row["heartbeat"]):
        return Holder(row["host"], row["pid"])
    return None


def take(store: Store, run_id: int, endings: Sequence[str] = (), ends_at: float | None = None) -> None:
    """Make this process the runner of the run. Raises LeaseHeldError if another one alive is.

    `ends` says what ends this process although nobody cancels it, as in `RunSummary`, and `ends_at` when at the latest.
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
    """Say that this process is alive. False if the lease is no longer its own (another host took it for dead)."""
    now = time.time()
    with store.writing():
        cursor = store.execute(
            "UPDATE lease SET heartbeat = ? WHERE run_id = ? AND host = ? AND pid = ?",
            (now, run_id, socket.gethostname(), os.getpid()),
        )
        attempts.record_heartbeat(store, run_id, now, asleep_after=STALE_SECONDS)
    return cursor.rowcount == 1


def release(store: Store, run_id: int) -> None:
    with store.writing():
        store.execute(
            "DELETE FROM lease WHERE run_id = ? AND host = ? AND pid = ?",
            (run_id, socket.gethostname(), os.getpid()),
        )


def is_held(host: str, pid: int, pid_started: float, heartbeat: float) -> bool:
    if host != socket.gethostname():
        return time.time() - heartbeat < STALE_SECONDS
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - pid_started) < START_TIME_TOLERANCE_SECONDS
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
