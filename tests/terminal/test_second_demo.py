"""A second `qtui demo` on a terminal opens the workbench on the demo that is running."""

import sys
from pathlib import Path

from qtui import paths
from qtui.experiment.experiment import load
from qtui.runner.start import add
from qtui.store import leases, open_store, runs
from tests.terminal.tmux import Terminal


def test_second_demo_opens_the_workbench_on_the_run(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    store = open_store(path)
    run_id = add(store, load(paths.data() / "experiments" / "demo.toml"))
    leases.take(store, run_id)
    runs.begin(store, run_id)
    terminal = Terminal(f"{sys.executable} -m qtui demo --store {path}")
    try:
        terminal.wait_for("▶ running")
    finally:
        terminal.close()
        store.close()
