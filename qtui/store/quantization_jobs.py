"""Quantization jobs and the GGUF files that they created or benchmarked on a machine, for the Models pane.

Both are independent of runs: a file belongs to a model, and its speed to the machine. A running job counts as interrupted once its
process is dead.
"""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from qtui.store import json_columns, process_start
from qtui.store.connection import Store
from qtui.store.leases import is_held

Kind = Literal["quantize", "bench"]
State = Literal["running", "done", "failed", "cancelled", "interrupted"]

MAX_JOBS = 50
"""Number of jobs that the store keeps."""


@dataclass(frozen=True, slots=True)
class QuantizationJob:
    """A job. `fraction` is 0 to 1 of the current phase, None if unknown; times are seconds since the epoch."""

    id: int
    kind: Kind
    model: str
    types: tuple[str, ...]
    state: State
    phase: str
    fraction: float | None
    reason: str
    host: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A GGUF file of one type. `facts` are those of quantization and benchmark: file_bytes, bits, prompt_speed, …"""

    model: str
    type: str
    host: str
    path: Path
    changed: float
    facts: dict[str, Any] = field(default_factory=dict)


def begin(store: Store, kind: Kind, model: str, types: Sequence[str]) -> int:
    """Record a job of this process. Return its id for `report` and `end`."""
    now = time.time()
    with store.writing():
        cursor = store.execute(
            "INSERT INTO making (kind, model, types, host, pid, pid_started, started, heartbeat) VALUES (?,?,?,?,?,?,?,?)",
            (kind, model, json.dumps(list(types)), socket.gethostname(), os.getpid(),
             process_start.start_of(os.getpid()), now, now),
        )  # fmt: skip
        store.execute("DELETE FROM making WHERE id <= (SELECT max(id) FROM making) - ?", (MAX_JOBS,))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def report(store: Store, job_id: int, phase: str, fraction: float | None) -> None:
    """Record the phase of a job and its fraction, which is also a heartbeat."""
    with store.writing():
        store.execute(
            "UPDATE making SET phase = ?, fraction = ?, heartbeat = ? WHERE id = ?",
            (phase, fraction, time.time(), job_id),
        )


def end(store: Store, job_id: int, state: State, reason: str = "") -> None:
    """Record the final state of a job."""
    with store.writing():
        store.execute(
            "UPDATE making SET state = ?, reason = ?, phase = '', fraction = NULL, heartbeat = ? WHERE id = ?",
            (state, reason, time.time(), job_id),
        )


def put(store: Store, model: str, type_: str, path: Path, facts: dict[str, Any]) -> None:
    """Add facts of a file; they replace earlier ones of the same names."""
    with store.writing():
        store.execute(
            "INSERT INTO made (model, type, host, path, facts, changed) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT (model, type, host, path) DO UPDATE"
            " SET facts = json_patch(facts, excluded.facts), changed = excluded.changed",
            (model, type_, socket.gethostname(), str(path), json.dumps(facts), time.time()),
        )


def files(store: Store) -> list[GgufFile]:
    """Return all files by model, the largest first."""
    rows = store.execute(
        "SELECT * FROM made ORDER BY model, CASE WHEN json_valid(facts) THEN json_extract(facts, '$.file_bytes') END DESC, type"
    )
    return [
        GgufFile(
            r["model"],
            r["type"],
            r["host"],
            Path(r["path"]),
            r["changed"],
            json_columns.value(store, "made", "facts", r["facts"]),
        )
        for r in rows
    ]


def jobs(store: Store) -> list[QuantizationJob]:
    """Return all jobs, running and ended, the newest first."""
    return [_job(store, row) for row in store.execute("SELECT * FROM making ORDER BY id DESC")]


def _job(store: Store, row: sqlite3.Row) -> QuantizationJob:
    state = row["state"]
    if state == "running" and not is_held(row["host"], row["pid"], row["pid_started"], row["heartbeat"]):
        state = "interrupted"
    return QuantizationJob(
        id=row["id"],
        kind=row["kind"],
        model=row["model"],
        types=json_columns.value(store, "making", "types", row["types"]),
        state=state,
        phase=row["phase"],
        fraction=row["fraction"],
        reason=row["reason"],
        host=row["host"],
        pid=row["pid"],
        started=row["started"],
    )
