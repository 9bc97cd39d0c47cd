"""What only a real terminal shows: the workbench, its run, and a connection that is lost."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from qtui.experiment.experiment import load
from qtui.runner.start import add
from qtui.store import open_store
from tests.terminal.live_runs import SLOW, wait_for_run
from tests.terminal.tmux import PATIENCE_SECONDS, Terminal

pytest.importorskip("llama_cpp", reason="needs the engines extra")


def workbench(store: Path) -> Terminal:
    return Terminal(f"{sys.executable} -m qtui --store {store}")


def workbench_that_starts_a_run(store: Path) -> Terminal:
    """The workbench on a run that waits, started from it by its key."""
    file = store.with_name("slow.toml")
    file.write_text(SLOW)
    add(open_store(store), load(file))
    terminal = workbench(store)
    terminal.wait_for("slow")
    terminal.press("r")
    wait_for_run(store, lambda run: run.answered >= 1)
    return terminal


def test_run_started_in_the_workbench_goes_on_when_the_terminal_is_gone(store: Path) -> None:
    first = workbench_that_starts_a_run(store)
    try:
        process = psutil.Process(first.pid())
        family = [process, *process.children(recursive=True)]
    finally:
        first.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == [], "the workbench ends with its terminal"

    wait_for_run(store, lambda run: run.state == "done")
    second = workbench(store)
    try:
        second.wait_for(lambda shown: "slow" in shown and "done" in shown)
    finally:
        second.close()


def test_q_leaves_the_workbench_and_the_run_goes_on(store: Path) -> None:
    terminal = workbench_that_starts_a_run(store)
    try:
        terminal.press("q")
        end = time.monotonic() + PATIENCE_SECONDS
        while not terminal.ended() and time.monotonic() < end:
            time.sleep(0.05)
        assert terminal.ended()
        assert wait_for_run(store, lambda run: run.answered >= 2).active
        wait_for_run(store, lambda run: run.state == "done")
    finally:
        terminal.close()
