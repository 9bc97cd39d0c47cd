"""Commands that find their run running already attach to it: real commands and runners, the demo model on llama.cpp."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.experiment.experiment import load
from qtui.runner import LEASE_IS_HELD, start
from qtui.store import leases, open_store, runs
from tests.runner.test_survival import PATIENCE_SECONDS, Runs, kill

pytest.importorskip("llama_cpp", reason="needs the engines extra")

SHORT = """
name = "short"
tasks = "demo"
[sampling]
max_tokens = 4
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "F16"
  engine = "llama.cpp"
  weights = "demo"
[[judges]]
kind = "reference"
"""
STARTS = 10


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    there = Runs(tmp_path)
    yield there
    there.stop_all()


@pytest.fixture
def running(experiment: Runs) -> Runs:
    """The experiment with its run under way."""
    experiment.start()
    experiment.wait(lambda run: run.answered >= 1)
    return experiment


@pytest.fixture
def paused(running: Runs) -> Runs:
    """The same, but it goes no further: on a fast machine the run would be over before two commands have started."""
    done = running.qtui("pause", "1")
    assert done.returncode == 0, done.stderr
    return running


def notice(there: Runs) -> str:
    """What is said of the runner that the run has now."""
    holder = leases.holder(there.store, 1)
    assert holder is not None
    return f"Run 1 is already running (pid {holder.pid} on {holder.host})"


def popen(*arguments: str, store: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def attach(there: Runs, *arguments: str) -> "subprocess.Popen[str]":
    """A command that has said that it follows the run."""
    wanted = f"{notice(there)}; attaching to it.\n"
    command = popen(*arguments, store=there.store.path)
    assert command.stderr is not None
    assert command.stderr.readline() == wanted
    return command


@pytest.mark.parametrize("command", ["run", "resume"])
def test_second_start_follows_the_run_to_its_end(running: Runs, command: str) -> None:
    follower = attach(running, command, str(running.file) if command == "run" else "1")
    _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    assert "run 1 is done" in told
    assert follower.returncode == 0
    assert running.summary().state == "done"


def test_follower_exits_as_the_run_does(paused: Runs) -> None:
    followers = [attach(paused, "run", str(paused.file)) for _ in range(2)]
    paused.qtui("cancel", "1")
    for follower in followers:
        follower.communicate(timeout=PATIENCE_SECONDS)
    assert [follower.returncode for follower in followers] == [130, 130]


def test_follower_of_a_runner_that_is_killed_fails_and_says_how_to_go_on(running: Runs) -> None:
    follower = attach(running, "run", str(running.file))
    kill(running.runner(1))
    _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    assert follower.returncode == 1
    assert "stopped unexpectedly" in told


def test_ctrl_c_ends_a_follower_and_leaves_the_run_alone(running: Runs) -> None:
    follower = attach(running, "run", str(running.file))
    follower.send_signal(signal.SIGINT)
    _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    # Python itself may end with the signal where Ctrl-C meets an `exec` of the libraries; a shell shows 130 for both.
    assert follower.returncode in (130, -signal.SIGINT), told
    assert "detached; run 1 is still running" in told
    assert runs.requested(running.store, 1) == ""
    assert running.wait(lambda run: not run.active).state == "done"


def test_ctrl_c_of_the_command_that_started_the_run_cancels_it(experiment: Runs) -> None:
    command = popen("run", str(experiment.file), store=experiment.store.path)
    experiment.wait(lambda run: run.answered >= 1)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=PATIENCE_SECONDS)
    assert command.returncode == 130
    assert experiment.summary().state == "cancelled"


def test_detached_second_start_names_the_run(paused: Runs) -> None:
    wanted = notice(paused)
    done = paused.qtui("run", str(paused.file), "--detach")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == f"{wanted}.\n"
    told = json.loads(paused.qtui("resume", "1", "--detach", "--json").stdout)
    assert told == {"run": 1, "started": False, "notice": wanted}


def test_another_judge_is_refused_while_the_run_is_running_and_not_added(paused: Runs) -> None:
    refused = paused.qtui("judge", "openai", "--model", "m", "--base-url", "http://127.0.0.1:9/v1")
    assert refused.returncode == 1
    assert notice(paused) in refused.stderr
    assert [judge.label for judge in paused.summary().judges] == ["reference"]


@pytest.fixture
def held(experiment: Runs) -> Runs:
    """A run whose lease this process has."""
    experiment.file.write_text(SHORT)
    run_id = start.add(experiment.store, load(experiment.file))
    leases.take(experiment.store, run_id)
    return experiment


def test_runner_that_finds_the_lease_taken_exits_with_its_own_status(held: Runs) -> None:
    command = [sys.executable, "-m", "qtui.runner", "--store", str(held.store.path), "--run", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == LEASE_IS_HELD
    assert f"pid {os.getpid()}" in done.stderr
    leases.release(held.store, 1)


def test_start_whose_runner_lost_the_race_names_the_winner(held: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the other had taken the lease a moment after this one looked.
    first_look, holder = [None], leases.holder
    monkeypatch.setattr(leases, "holder", lambda *where: first_look.pop() if first_look else holder(*where))
    with pytest.raises(start.AlreadyRunningError, match=rf"pid {os.getpid()}") as raised:
        start.resume(1, held.store.path)
    assert raised.value.run_id == 1
    leases.release(held.store, 1)


def test_follower_waits_for_the_runner_to_begin_where_the_run_failed_before(held: Runs) -> None:
    runs.set_state(held.store, 1, "failed", "an earlier reason")
    follower = attach(held, "run", str(held.file))
    runs.begin(held.store, 1)
    runs.set_state(held.store, 1, "done")
    leases.release(held.store, 1)
    _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    assert (follower.returncode, "run 1 is done" in told) == (0, True)


def outcomes(*arguments: str, store: Path) -> list[tuple[int | None, str]]:
    """Exit status and stderr of two commands that are started at the same moment."""
    both = [popen(*arguments, store=store) for _ in range(2)]
    told = [command.communicate(timeout=2 * PATIENCE_SECONDS)[1] for command in both]
    return [(command.returncode, text) for command, text in zip(both, told, strict=True)]


def assert_every_answer_once(store: Path) -> None:
    opened = open_store(store)
    [run] = runs.summaries(opened)
    assert (run.state, run.answered, run.judges[0].graded) == ("done", run.expected, run.expected)
    links = opened.execute("SELECT answer_id FROM variant_answer").fetchall()
    made = opened.execute("SELECT id FROM answer").fetchall()
    assert {row[0] for row in links} == {row[0] for row in made}
    opened.close()


def test_two_starts_at_the_same_moment_both_end_well_with_every_answer_once(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(SHORT)
    for number in range(STARTS):
        store = tmp_path / f"{number}.sqlite"
        ended = outcomes("run", str(file), store=store)
        assert [status for status, _ in ended] == [0, 0], ended
        assert_every_answer_once(store)


def test_two_demos_at_the_same_moment_both_end_well_with_every_answer_once(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the engines extra")
    ended = outcomes("demo", "--headless", store=tmp_path / "demo.sqlite")
    assert [status for status, _ in ended] == [0, 0], ended
    assert any(re.search(r"Run 1 is already running \(pid \d+ on \S+\); attaching to it\.", text) for _, text in ended)
    assert_every_answer_once(tmp_path / "demo.sqlite")
