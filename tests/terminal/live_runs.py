"""A run that takes a while, and waiting for what the store says of it."""

import time
from collections.abc import Callable
from pathlib import Path

from qtui.run_progress import RunSummary
from qtui.store import open_store, runs
from tests.terminal.tmux import PATIENCE_SECONDS

SLOW = """
name = "slow"
tasks = "demo"
[sampling]
max_tokens = 64
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "F16"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
"""


def wait_for_run(store: Path, condition: Callable[[RunSummary], object]) -> RunSummary:
    """The newest run of a store once it fulfils the condition."""
    opened = open_store(store)
    end = time.monotonic() + 2 * PATIENCE_SECONDS
    while time.monotonic() < end:
        found = runs.summaries(opened)
        if found and condition(found[0]):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(runs.summaries(opened))
