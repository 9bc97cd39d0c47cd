"""Reads all runs, but summarizes only those that may have changed.

During a run the store changes several times a second; counting the answers of every finished run each time would waste the reader.
"""

import time
from collections.abc import Sequence

from qtui.run_progress import RunSummary
from qtui.store import Store, runs

WHOLE_SECONDS = 5.0
"""After a change all runs are read at least this often: a finished run may get new grades."""
AT_WORK = ("running", "paused")


class RunWatch:
    """Keeps the last summaries. Not thread-safe: used in the reader's thread only."""

    def __init__(self) -> None:
        self._runs: tuple[RunSummary, ...] = ()
        self._whole_at = -WHOLE_SECONDS

    def read(self, store: Store) -> tuple[RunSummary, ...]:
        """Return all runs, the newest first; active and new ones up to date, the others at most WHOLE_SECONDS old."""
        now = time.monotonic()
        if now - self._whole_at >= WHOLE_SECONDS:
            self._runs = tuple(runs.listed(store))
            # From the end of the read: otherwise a large store would be read without a pause.
            self._whole_at = time.monotonic()
        else:
            self._runs = _renewed(store, self._runs)
        return self._runs


def _renewed(store: Store, summaries: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    by_id = {run.id: run for run in summaries}
    states = runs.states(store)
    changed = [
        run_id for run_id, state in states if run_id not in by_id or state in AT_WORK or state != by_id[run_id].state
    ]
    if changed:
        by_id |= {run.id: run for run in runs.listed(store, changed)}
    return tuple(by_id[run_id] for run_id, _ in states if run_id in by_id)
