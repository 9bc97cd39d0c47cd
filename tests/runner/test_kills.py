"""Runs that are killed in conversations, choices and scoring: the same command makes them what nothing disturbed.

The runner, its worker and the process of its scorers are killed with SIGKILL at moments drawn from a fixed seed, by how far the
store is.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qtui.store import Store, answers, grades, leases, open_store, runs, scores
from tests.engines.thinking_llama import thinking_llama

pytest.importorskip("llama_cpp", reason="needs the engines extra")
pytest.importorskip("torch", reason="needs the engines extra")

PATIENCE_SECONDS = 240
KILLS = 2
EXPERIMENT = """
name = "kills"
[[task_sets]]
source = "talks"
[[task_sets]]
source = "choices"
[sampling]
max_tokens = 16
[[models]]
name = "m"
  [[models.variants]]
  name = "F32"
  engine = "llama.cpp"
  weights = "tiny"
  precision = "F32"
  threads = 1
  slots = 1
[[scorers]]
kind = "choice"
by = "log_likelihood"
subsets = ["choices"]
[[scorers]]
kind = "regex"
pattern = "[a-z]+"
subsets = ["talks"]
[[scorers]]
kind = "chrf"
subsets = ["talks"]
"""
SET = """
title = "Own"
[source]
path = "{name}.jsonl"
[columns]
{columns}
"""
CHOICES = 'choices = "choices"\nright = "right"\nright_is = "index"\n[prompt]\nquestion = "{q}"'
TURNS = 'turns = "turns"\nreference = "reference"'


class Killed:
    """One experiment in a store of its own, by the command line."""

    def __init__(self, folder: Path, experiment: Path) -> None:
        self.experiment = experiment
        self.store: Store = open_store(folder / "s.sqlite")

    def start(self) -> int:
        done = self.qtui("run", str(self.experiment), "--detach", "--json")
        return int(json.loads(done.stdout)["run"])

    def qtui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "qtui", *arguments, "--store", str(self.store.path)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done

    def progress(self) -> int:
        """How much of the run is in the store."""
        [run] = runs.summaries(self.store)
        return run.answered + sum(scorer.scored for scorer in run.scorers)

    def wait_until(self, progress: int) -> bool:
        """Whether the run came that far; False if it ended before."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if self.progress() >= progress:
                return True
            if leases.holder(self.store, 1) is None and not runs.summaries(self.store)[0].active:
                return False
            time.sleep(0.005)
        raise AssertionError(f"not within {PATIENCE_SECONDS} s: {runs.summaries(self.store)}")

    def kill(self, victim: str) -> None:
        """Kill the runner with its children, or the child whose command has this module."""
        holder = leases.holder(self.store, 1)
        if holder is None:
            return
        try:
            runner = psutil.Process(holder.pid)
            children = runner.children()
            for process in (
                [runner] if victim == "runner" else [each for each in children if victim in " ".join(each.cmdline())]
            ):
                process.kill()
        except psutil.NoSuchProcess:
            return
        if victim == "runner":
            _, alive = psutil.wait_procs([runner, *children], timeout=30)
            assert alive == [], "a child outlived its runner"

    def content(self) -> list[tuple[object, ...]]:
        """Everything that a run is for: answers by key and text, scores with their reasons. No ids and no times."""
        answered = (dict(zip(answers.COLUMNS, row, strict=True)) for row in answers.rows(self.store, [1]))
        rows: list[tuple[object, ...]] = [
            tuple(value for name, value in row.items() if name != "seconds") for row in answered
        ]
        keys = sorted(grades.places(self.store, 1))
        return [*rows, *keys, *map(tuple, scores.rows(self.store, [1]))]

    def stop(self) -> None:
        if holder := leases.holder(self.store, 1):
            os.kill(holder.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    thinking_llama(folder / "tiny")
    sets = folder / "task_sets"
    sets.mkdir()
    rows: dict[str, list[dict[str, Any]]] = {
        "talks": [
            {"turns": [f"色は{i}?", f"なぜ{i}?", f"本当に{i}?"], "reference": ["青", "空", "はい"]} for i in range(4)
        ],
        "choices": [{"q": f"問い{i}", "choices": ["red", "dark blue", "no"], "right": i % 3} for i in range(4)],
    }
    for name, columns in (("talks", TURNS), ("choices", CHOICES)):
        (sets / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows[name]), encoding="utf-8")
        (sets / f"{name}.toml").write_text(SET.replace("{name}", name).replace("{columns}", columns), encoding="utf-8")
    (folder / "e.toml").write_text(EXPERIMENT, encoding="utf-8")
    return folder / "e.toml"


@pytest.fixture(scope="module")
def undisturbed(experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    run = Killed(tmp_path_factory.mktemp("undisturbed"), experiment)
    run.qtui("run", str(experiment))
    return run.content()


@pytest.fixture
def killed(experiment: Path, tmp_path: Path) -> Iterator[Killed]:
    run = Killed(tmp_path, experiment)
    yield run
    run.stop()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("victim", ["runner", "qtui.engines.processes.worker", "qtui.scorers.process"])
def test_the_same_command_makes_a_killed_run_what_nothing_had_disturbed(
    killed: Killed, experiment: Path, undisturbed: list[tuple[object, ...]], victim: str
) -> None:
    draw = random.Random(victim)
    whole = 12 + 4 + 2 * 12 + 4  # answers of turns, choices, and their scores
    for moment in sorted(draw.sample(range(1, whole), KILLS)):
        killed.start()
        if killed.wait_until(moment):
            killed.kill(victim)
            end = time.monotonic() + PATIENCE_SECONDS
            while victim != "qtui.scorers.process" and leases.holder(killed.store, 1) and time.monotonic() < end:
                time.sleep(0.01)

    killed.qtui("run", str(experiment))

    assert killed.content() == undisturbed
    [run] = runs.summaries(killed.store)
    assert (run.answered, run.state) == (run.expected, "done")
    assert killed.progress() == whole
