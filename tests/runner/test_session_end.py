"""What is said of a run that a cluster's job ends: real runs, in an environment as Slurm makes it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.session_end import ROOT, Commands, find_notices, notices_here
from tests.runner.test_survival import PATIENCE_SECONDS, Runs, kill

pytest.importorskip("llama_cpp", reason="needs the engines extra")

ENDS = ("with Slurm job 4711",)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "bash", "SLURM_PTY_PORT": "40001"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    there = Runs(tmp_path)
    yield there
    there.stop_all()


@pytest.mark.usefixtures("shell")
def test_detached_run_in_a_jobs_shell_is_told_on_stderr_with_its_own_command(experiment: Runs) -> None:
    done = experiment.qtui("run", str(experiment.file), "--detach")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith(
        "This shell is Slurm job 4711: the run ends with it. Submit it instead: sbatch --wrap "
    )
    assert f"run {experiment.file} --store {experiment.store.path}" in done.stderr
    assert experiment.summary().ends == ENDS


@pytest.mark.usefixtures("shell")
def test_json_of_a_detached_run_stays_json(experiment: Runs) -> None:
    done = experiment.qtui("run", str(experiment.file), "--detach", "--json")
    assert json.loads(done.stdout)["run"] == 1


def test_detached_run_that_nothing_ends_is_told_nothing(experiment: Runs) -> None:
    if find_notices(os.environ, ROOT):
        pytest.skip("the tests run in a login session whose end would end a run")
    done = experiment.qtui("run", str(experiment.file), "--detach")
    assert (done.returncode, done.stderr) == (0, "")
    assert experiment.summary().ends == ()


@pytest.mark.usefixtures("shell")
def test_time_limit_is_kept_with_the_run(experiment: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    end = int(time.time()) + 7200
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(end))
    assert " at the latest." in experiment.qtui("run", str(experiment.file), "--detach").stderr
    assert experiment.summary().ends_at == end


@pytest.mark.usefixtures("shell")
def test_followed_run_is_told_in_one_line_at_its_start(experiment: Runs) -> None:
    command = [sys.executable, "-m", "qtui", "run", str(experiment.file), "--store", str(experiment.store.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stderr is not None
        assert follower.stderr.readline() == "run 1 ends with Slurm job 4711\n"
        experiment.qtui("cancel", "1")
        assert "Slurm" not in follower.stderr.read()
        follower.wait(PATIENCE_SECONDS)


@pytest.mark.usefixtures("shell")
def test_runner_that_ends_well_leaves_no_notice_and_a_killed_one_does(experiment: Runs) -> None:
    run_id = experiment.start()
    kill(experiment.runner(run_id))
    assert (experiment.summary().state, experiment.summary().ends) == ("interrupted", ENDS)
    experiment.start()
    experiment.qtui("cancel", str(run_id))
    experiment.wait(lambda run: run.state == "cancelled" and not run.ends)


@pytest.mark.usefixtures("shell")
def test_run_of_another_job_is_not_told_what_helps_in_this_one() -> None:
    commands = Commands.of_running(3, Path("/s.sqlite"))
    assert len(notices_here(ENDS, commands)) == 1
    assert notices_here(("with Slurm job 47",), commands) == ()
    assert notices_here((), commands) == ()
