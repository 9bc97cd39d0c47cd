"""Waiting until a store's file has a state: see `qtui.store.file_state`."""

import time
from pathlib import Path

from qtui.store import file_state

SECONDS = 30.0


def state_of(path: Path) -> str:
    """Return the state of a store that nobody changes any more."""
    end = time.monotonic() + SECONDS
    while (state := file_state.of_file(path)) is None:
        assert time.monotonic() < end, f"{path} has no state"
        time.sleep(file_state.SETTLED_SECONDS / 4)
    return state
