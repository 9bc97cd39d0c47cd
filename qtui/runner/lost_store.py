"""A store that was deleted, moved or replaced while a runner wrote into it.

The runner's connection still has the whole content, and nobody else can find it. It is saved beside the former place, and the run
ends with a reason that says so: a run is never done in a store that is gone.
"""

import contextlib
from pathlib import Path

from qtui import paths
from qtui.store import Store, backups, runs
from qtui.store.errors import StoreError


def save_if_lost(store: Store, run_id: int) -> bool:
    """Return whether the store is no longer at its path; then its content is saved and the run has failed with the reason."""
    if store.is_in_place():
        return False
    gone = f"The store {store.path} was deleted, moved or replaced while the run wrote into it"
    for target in _targets(store.path, run_id):
        kept = f"{gone}. All that it had is in {target}: move that back and run the same command again to resume"
        with contextlib.suppress(StoreError):
            runs.set_state(store, run_id, "failed", kept)  # before, so that the copy says it, too
            backups.save(store, target)
            return True
    with contextlib.suppress(StoreError):
        runs.set_state(store, run_id, "failed", f"{gone}, and its content could not be saved elsewhere: it is lost")
    return True


def _targets(path: Path, run_id: int) -> list[Path]:
    """Return the free names that are tried, in this order: beside the former place, and in the user's data folder."""
    found = []
    for folder in (path.parent, paths.user_data()):
        name, number = f"{path.name}.saved-run-{run_id}", 1
        while (folder / name).exists():
            number += 1
            name = f"{path.name}.saved-run-{run_id}-{number}"
        found.append(folder / name)
    return found
