"""Runs that are killed, cancelled and held: real runner, real workers, the demo model on llama.cpp."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from qtui.run_progress import RunSummary
from qtui.store import Store, leases, open_store, runs

pytest.importorskip("llama_cpp", reason="needs the engines extra")

EXPERIMENT = """
name = "survival"
tasks = "demo"
[sampling]
max_tokens = 48
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "Q8_0"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
  [[models.variants]]
  name = "Q4_K_M"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
[[judges]]
kind = "reference"
"""
PATIENCE_SECONDS = 120


class Runs:
    """One experiment in one store, driven through the command line."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "survival.toml"
        self.file.write_text(EXPERIMENT)
        self.store: Store = open_store(folder / "store.sqlite")

    def qtui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "qtui", *arguments, "--store", str(self.store.path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    def start(self) -> int:
        done = self.qtui("run", str(self.file), "--detach", "--json")
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["run"])

    def summary(self) -> RunSummary:
        return runs.summaries(self.store)[0]

    def wait(self, condition: Callable[[RunSummary], object]) -> RunSummary:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            found = runs.summaries(self.store)
            if found and condition(found[0]):
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"not within {PATIENCE_SECONDS} s: {runs.summaries(self.store)}")

    def runner(self, run_id: int) -> psutil.Process:
        holder = leases.holder(self.store, run_id)
        assert holder is not None, self.summary()
        return psutil.Process(holder.pid)

    def rows(self) -> list[tuple[object, ...]]:
        """What is there, with the row's own id and time: a row made again would differ."""
        found = self.store.execute(
            "SELECT va.variant_id, va.task_id, va.sample, answer.id, answer.key, answer.text, answer.created"
            " FROM variant_answer va JOIN answer ON answer.id = va.answer_id ORDER BY 1, 2, 3"
        )
        return [tuple(row) for row in found]

    def stop_all(self) -> None:
        for run in runs.summaries(self.store):
            if holder := leases.holder(self.store, run.id):
                os.kill(holder.pid, signal.SIGKILL)


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    there = Runs(tmp_path)
    yield there
    there.stop_all()


def kill(process: psutil.Process) -> None:
    """SIGKILL to the process; its children are gone with it a moment later."""
    children = process.children(recursive=True)
    process.kill()
    _, alive = psutil.wait_procs([process, *children], timeout=10)
    assert alive == [], "a worker outlived its runner"


def test_every_answer_once_and_none_lost_whenever_the_runner_or_a_worker_is_killed(experiment: Runs) -> None:
    moments: list[tuple[str, Callable[[RunSummary], object]]] = [
        ("runner", lambda run: run.variants[0].state in ("preparing", "loading", "answering")),
        ("runner", lambda run: run.variants[0].answered >= 3),
        ("worker", lambda run: run.variants[0].answered >= 9),
        ("runner", lambda run: run.variants[1].answered >= 20),
        ("runner", lambda run: any(judge.graded > 30 for judge in run.judges)),
    ]
    kept: list[tuple[object, ...]] = []
    for victim, moment in moments:
        run_id = experiment.start()
        experiment.wait(moment)
        runner = experiment.runner(run_id)
        if victim == "worker":
            kill_one_worker(runner)
            experiment.wait(lambda run: not run.active)
        else:
            kill(runner)
        rows = experiment.rows()
        assert [row for row in kept if row not in rows] == [], (
            "what was committed before is still there, and not made again"
        )
        kept = rows

    done = experiment.qtui("run", str(experiment.file))
    assert done.returncode == 0, done.stderr

    rows = experiment.rows()
    run = experiment.summary()
    assert [row for row in kept if row not in rows] == []
    assert len(rows) == len({row[:3] for row in rows}) == run.expected == run.answered
    assert experiment.store.execute("SELECT count(*) FROM answer").fetchone()[0] == len({row[4] for row in rows})
    assert run.judges[0].graded == run.expected


def kill_one_worker(runner: psutil.Process) -> None:
    [worker] = runner.children()
    worker.kill()


def test_killed_worker_ends_its_variant_with_the_reason_and_not_the_run(experiment: Runs) -> None:
    run_id = experiment.start()
    experiment.wait(lambda run: run.variants[0].answered >= 2)
    kill_one_worker(experiment.runner(run_id))
    run = experiment.wait(lambda run: not run.active)
    assert [variant.state for variant in run.variants] == ["failed", "done"]
    assert "SIGKILL" in run.variants[0].reason
    assert run.state == "failed"


def test_cancel_keeps_what_is_done_and_resume_does_the_rest(experiment: Runs) -> None:
    run_id = experiment.start()
    experiment.wait(lambda run: run.answered >= 5)
    assert experiment.qtui("cancel", str(run_id)).returncode == 0
    cancelled = experiment.wait(lambda run: not run.active)
    kept = experiment.rows()
    assert cancelled.state == "cancelled"
    assert 5 <= len(kept) < cancelled.expected
    assert experiment.qtui("resume", str(run_id)).returncode == 0
    assert experiment.summary().answered == cancelled.expected
    assert [row for row in kept if row not in experiment.rows()] == []


def test_held_run_stands_still_until_it_is_let_go(experiment: Runs) -> None:
    run_id = experiment.start()
    experiment.wait(lambda run: run.answered >= 3)
    experiment.qtui("pause", str(run_id))
    experiment.wait(lambda run: run.state == "paused")
    [worker] = experiment.runner(run_id).children()
    assert worker.status() == psutil.STATUS_STOPPED
    experiment.qtui("pause", str(run_id), "--off")
    experiment.wait(lambda run: run.state == "done")


def test_runner_outlives_the_terminal_it_was_started_from(experiment: Runs) -> None:
    import pexpect

    command = [sys.executable, "-m", "qtui", "run", str(experiment.file), "--store", str(experiment.store.path)]
    terminal = pexpect.spawn(command[0], command[1:], timeout=PATIENCE_SECONDS)
    experiment.wait(lambda run: run.answered >= 2)
    terminal.close(force=True)
    experiment.wait(lambda run: run.state == "done")


def test_second_start_of_a_finished_run_makes_nothing_again(experiment: Runs) -> None:
    assert experiment.qtui("run", str(experiment.file)).returncode == 0
    rows = experiment.rows()
    assert experiment.qtui("run", str(experiment.file)).returncode == 0
    assert experiment.rows() == rows
