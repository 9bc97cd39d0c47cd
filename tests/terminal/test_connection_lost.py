"""What only a real terminal shows: the workbench, its run, and a connection that is lost."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from qtui.experiment import load
from qtui.records import RunSummary
from qtui.runner.start import add
from qtui.store import leases, open_store, runs
from tests.terminal.tmux import PATIENCE_SECONDS, Terminal

pytest.importorskip("llama_cpp", reason="needs the engines extra")

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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "store.sqlite"
    yield path
    opened = open_store(path)
    for run in runs.summaries(opened):
        if holder := leases.holder(opened, run.id):
            os.kill(holder.pid, signal.SIGKILL)


def wait_for_run(store: Path, condition: Callable[[RunSummary], object]) -> RunSummary:
    opened = open_store(store)
    end = time.monotonic() + 2 * PATIENCE_SECONDS
    while time.monotonic() < end:
        found = runs.summaries(opened)
        if found and condition(found[0]):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(runs.summaries(opened))


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
