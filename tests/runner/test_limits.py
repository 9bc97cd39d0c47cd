"""Runs at the limits of a process: one sentence that says which limit, an intact store, and the rest with the same command."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.runner.test_survival import PATIENCE_SECONDS, Runs

pytest.importorskip("llama_cpp", reason="needs the engines extra")


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    there = Runs(tmp_path)
    yield there
    there.stop_all()


def test_a_limit_on_file_sizes_is_said_where_the_runner_could_not_write_it_into_the_store(experiment: Runs) -> None:
    command = [sys.executable, "-m", "qtui", "run", str(experiment.file), "--store", str(experiment.store.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as follower:
        experiment.wait(lambda run: run.answered >= 3)
        runner = experiment.runner(1)
        children = runner.children()
        journal = experiment.store.path.with_name(f"{experiment.store.path.name}-wal").stat().st_size
        runner.rlimit(psutil.RLIMIT_FSIZE, (journal, journal))
        _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    psutil.wait_procs([runner, *children], timeout=PATIENCE_SECONDS)
    assert follower.returncode == 1
    assert "cannot write more data (a quota, a file size limit, or a disk error)" in told
    assert "run the same command again" in told
    assert "Traceback" not in told
    assert [process for process in children if process.is_running()] == []
    kept = experiment.rows()
    assert len(kept) >= 3

    done = experiment.qtui("run", str(experiment.file))

    assert done.returncode == 0, done.stderr
    assert [row for row in kept if row not in experiment.rows()] == []
    assert experiment.summary().answered == experiment.summary().expected


def test_a_runner_that_is_terminated_as_it_starts_is_said_to_have_been_stopped(experiment: Runs) -> None:
    run_id = experiment.start()
    runner = experiment.runner(run_id)
    runner.terminate()
    psutil.wait_procs([runner], timeout=PATIENCE_SECONDS)
    run = experiment.wait(lambda run: not run.active)
    assert run.state in ("cancelled", "interrupted")
    assert "SIGTERM" in run.reason or "killed" in run.reason


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_runner_that_is_ended_before_it_has_the_run_is_said_to_have_been(
    experiment: Runs, number: signal.Signals
) -> None:
    """A runner that is asked to stop ends as cancelled as soon as it can; of one that is killed, the command records the end."""
    command = [sys.executable, "-m", "qtui", "run", str(experiment.file), "--store", str(experiment.store.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as follower:
        children = psutil.Process(follower.pid).children
        while not (found := [each for each in children() if "qtui.runner" in each.cmdline()]):
            assert follower.poll() is None
        found[0].send_signal(number)
        _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    [run] = [experiment.summary()]
    assert follower.returncode in (1, 130)
    assert run.state == ("failed" if number == signal.SIGKILL else "cancelled")
    assert number.name in run.reason
    assert number.name in told
    assert "Traceback" not in told


@pytest.mark.parametrize("files", [8, 10, 12, 14])
def test_a_limit_on_open_files_is_one_sentence_and_the_rest_is_done_without_it(experiment: Runs, files: int) -> None:
    command = f'"{sys.executable}" -m qtui run "{experiment.file}" --cpu --store "{experiment.store.path}"'
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n {files}; exec {command}"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("Too many files are open for the limit of this process") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "defect of qtui" not in done.stderr

    assert experiment.qtui("run", str(experiment.file)).returncode == 0
    assert experiment.summary().answered == experiment.summary().expected
