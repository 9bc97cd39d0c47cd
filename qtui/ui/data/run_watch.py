"""All runs, read again as cheaply as what changed allows: while a run goes on the store changes several times a second, and
counting the answers of every finished run each time would keep the reader busy for nothing."""

import time
from collections.abc import Sequence

from qtui.records import RunSummary
from qtui.store import Store, runs

WHOLE_SECONDS = 5.0
"""After a change everything is read at least this often: a finished run may be graded once more."""
AT_WORK = ("running", "paused")


class RunWatch:
    """Holds what was read last. Used in the reader's thread only, one call after the other."""

    def __init__(self) -> None:
        self._known: tuple[RunSummary, ...] = ()
        self._whole_at = -WHOLE_SECONDS

    def read(self, store: Store) -> tuple[RunSummary, ...]:
        """All runs, the newest first; exact for runs at work and new ones, at most WHOLE_SECONDS old for the others."""
        now = time.monotonic()
        if now - self._whole_at >= WHOLE_SECONDS:
            self._known = tuple(runs.summaries(store))
            # From the end of the reading: a large store gets as much rest as it needs.
            self._whole_at = time.monotonic()
        else:
            self._known = _renewed(store, self._known)
        return self._known


def _renewed(store: Store, known: Sequence[RunSummary]) -> tuple[RunSummary, ...]:
    by_id = {run.id: run for run in known}
    states = runs.states(store)
    changed = [
        run_id for run_id, state in states if run_id not in by_id or state in AT_WORK or state != by_id[run_id].state
    ]
    if changed:
        by_id |= {run.id: run for run in runs.summaries(store, changed)}
    return tuple(by_id[run_id] for run_id, _ in states if run_id in by_id)
