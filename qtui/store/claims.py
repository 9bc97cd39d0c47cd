"""Claims: which runner computes which missing answers, so that two runs at once do not compute the same answer twice.

A runner claims all answers of a job at once, in the transaction that links those that the store has; it gives the claims up when
the job ends. A claim counts only while its run has a living runner that works: those of a dead or paused one are free to be taken.
"""

from collections.abc import Iterable

from qtui.store import leases
from qtui.store.connection import Store

KEYS_PER_QUERY = 500


def take(store: Store, run_id: int, keys: Iterable[str]) -> dict[str, int]:
    """Claim the answers that no other runner computes. Return the others: key → the run that computes it.

    Part of the caller's transaction.
    """
    keys = list(keys)
    taken = of_others(store, run_id, keys)
    free = [(key, run_id) for key in keys if key not in taken]
    store.executemany("DELETE FROM claim WHERE key = ? AND run_id <> ?", free)
    store.executemany("INSERT OR IGNORE INTO claim (key, run_id) VALUES (?,?)", free)
    return taken


def of_others(store: Store, run_id: int, keys: Iterable[str]) -> dict[str, int]:
    """Return those of the answers that another run's runner computes now: key → run."""
    keys = list(keys)
    found: dict[str, int] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = store.execute(
            f"SELECT key, run_id FROM claim WHERE run_id <> ? AND key IN ({','.join('?' * len(part))})", (run_id, *part)
        )
        found |= {row["key"]: row["run_id"] for row in rows}
    at_work = {other: _is_at_work(store, other) for other in {*found.values()}}
    return {key: other for key, other in found.items() if at_work[other]}


def give_up(store: Store, run_id: int) -> None:
    """Give up all claims of a run."""
    with store.writing():
        store.execute("DELETE FROM claim WHERE run_id = ?", (run_id,))


def _is_at_work(store: Store, run_id: int) -> bool:
    state = store.execute("SELECT state FROM run WHERE id = ?", (run_id,)).fetchone()
    return state is not None and state["state"] != "paused" and leases.holder(store, run_id) is not None
