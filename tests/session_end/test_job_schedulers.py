"""The environments are those that the schedulers document, cut down to what tells one kind of job from another."""

import shlex
from pathlib import Path

import pytest

from qtui.session_end import Commands, Notice, find_notices
from tests.session_end.system import HOST, SESSION, System

NOW = 1_700_000_000.0  # 07:13 on 15 November 2023 in Tokyo
COMMANDS = Commands(("qtui", "run", "calm2.toml"), ("qtui", "run", "calm2.toml", "--detach"))


def _without(environment: dict[str, str], left_out: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != left_out}


SRUN_SHELL = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NAME": "bash",
    "SLURM_STEP_ID": "0",
    "SLURM_PTY_PORT": "40001",
    "SLURMD_NODENAME": "node7",
    "SLURM_SUBMIT_HOST": "login1",
}
SALLOC_SHELL = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "interactive", "SLURM_SUBMIT_HOST": HOST}
SALLOC_STEP = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "mine", "SLURM_STEP_ID": "4294967290"}
SBATCH = {
    "SLURM_JOB_ID": "4711",
    "SLURM_JOB_NAME": "calm2.sh",
    "ENVIRONMENT": "BATCH",
    "SLURMD_NODENAME": "node7",
    "SLURM_SUBMIT_HOST": "login1",
    "SLURM_SUBMIT_DIR": "/home/alice",
}
SHELLS = {
    "srun --pty bash": SRUN_SHELL,
    "srun --pty zsh": SRUN_SHELL | {"SLURM_JOB_NAME": "/usr/bin/zsh"},
    "srun --job-name mine --pty bash": SRUN_SHELL | {"SLURM_JOB_NAME": "mine"},
    "srun --pty into a batch job": SBATCH | {"SLURM_PTY_PORT": "40001", "SLURM_STEP_ID": "1"},
    "salloc": SALLOC_SHELL,
    "salloc --job-name mine": SALLOC_SHELL | {"SLURM_JOB_NAME": "mine"},
    "salloc with a step for its shell": SALLOC_STEP,
    "nothing but the job's number": {"SLURM_JOB_ID": "4711"},
    "the older name of the variable": {"SLURM_JOBID": "4711"},
}
SCRIPTS = {
    "sbatch calm2.sh": SBATCH,
    "sbatch --wrap": SBATCH | {"SLURM_JOB_NAME": "wrap"},
    "sbatch --job-name bash": SBATCH | {"SLURM_JOB_NAME": "bash"},
    "a Slurm that sets no ENVIRONMENT": _without(SBATCH, "ENVIRONMENT"),
    "srun in a script": SBATCH | {"SLURM_STEP_ID": "0"},
    "srun qtui run": _without(SRUN_SHELL, "SLURM_PTY_PORT") | {"SLURM_JOB_NAME": "qtui"},
}


def notice(environment: dict[str, str], root: Path, *, now: float = NOW) -> Notice:
    [found] = find_notices(environment, root, COMMANDS, now=now)
    return found


@pytest.mark.parametrize("environment", SHELLS.values(), ids=SHELLS)
def test_shell_of_a_slurm_job_is_told_how_to_submit_the_run(system: System, environment: dict[str, str]) -> None:
    assert notice(environment, system.root).text == (
        'This shell is Slurm job 4711: the run ends with it. Submit it instead: sbatch --wrap "qtui run calm2.toml"'
    )


@pytest.mark.parametrize("environment", SCRIPTS.values(), ids=SCRIPTS)
def test_slurm_script_is_told_to_follow_the_run(system: System, environment: dict[str, str]) -> None:
    text = notice(environment, system.root).text
    assert text.startswith("This is Slurm batch job 4711: the run ends with it. Leave out --detach in the job's script")
    assert text.endswith(": qtui run calm2.toml")


@pytest.mark.parametrize(
    ("group", "is_batch"),
    [
        ("/system.slice/slurmstepd.scope/job_4711/step_batch/user/task_0", True),
        ("/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0", False),
        ("/system.slice/slurmstepd.scope/job_4711/step_extern/user/task_special", False),
        ("/system.slice/node7_slurmstepd.scope/job_4711/step_interactive/user/task_0", False),
        ("/slurm/uid_1000/job_4711/step_batch/task_0", True),
        ("/slurm_node7/uid_1000/job_4711/step_extern", False),
    ],
)
def test_job_is_known_by_its_control_group_where_the_environment_has_nothing(
    system: System, group: str, is_batch: bool
) -> None:
    system.is_in(group)
    text = notice({}, system.root).text
    assert text.startswith("This is Slurm batch job 4711" if is_batch else "This shell is Slurm job 4711")


def test_session_number_that_a_job_inherits_is_not_its_login_session(system: System) -> None:
    system.configure("etc/systemd/logind.conf", "KillUserProcesses=yes")
    system.is_in("/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0")
    assert notice({"XDG_SESSION_ID": "3", "USER": "alice"}, system.root).when == "with Slurm job 4711"


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2 * 3600, "the run ends with it, at 09:13 at the latest."),
        (24 * 3600, "the run ends with it, on 16 Nov at 07:13 at the latest."),
        (365 * 24 * 3600, "the run ends with it."),
    ],
)
@pytest.mark.parametrize("environment", [SRUN_SHELL, SBATCH])
def test_time_limit_of_a_slurm_job_is_told_where_it_has_one(
    system: System, environment: dict[str, str], seconds: int, words: str
) -> None:
    end = {"SLURM_JOB_END_TIME": str(int(NOW) + seconds)}
    assert words in notice(environment | end, system.root).text


@pytest.mark.parametrize("value", ["", "Unknown", "0", "-1", "2026-11-27T12:00:00"])
def test_end_that_is_no_number_is_left_out(system: System, value: str) -> None:
    found = notice(SBATCH | {"SLURM_JOB_END_TIME": value}, system.root)
    assert (found.ends_at, "latest" in found.text) == (None, False)


@pytest.mark.parametrize(
    ("environment", "start", "line"),
    [
        (
            {"PBS_JOBID": "12.server", "PBS_ENVIRONMENT": "PBS_INTERACTIVE"},
            "This shell is PBS job 12.server: the run ends with it. Submit it instead: ",
            "echo 'cd \"$PBS_O_WORKDIR\" && qtui run calm2.toml' | qsub -V",
        ),
        (
            {"LSB_JOBID": "12", "LSB_INTERACTIVE": "Y"},
            "This shell is LSF job 12: the run ends with it. Submit it instead: ",
            'bsub "qtui run calm2.toml"',
        ),
        *(
            (
                {"JOB_ID": "12", "QUEUE": "gpu.q", "ENVIRONMENT": "BATCH", "JOB_NAME": name},
                "This shell is Grid Engine job 12: the run ends with it. Submit it instead: ",
                "qsub -cwd -V -b y qtui run calm2.toml",
            )
            for name in ("QLOGIN", "QRLOGIN", "QRSH", "INTERACTIVE")
        ),
    ],
)
def test_shell_of_another_scheduler_is_told_its_own_command(
    system: System, environment: dict[str, str], start: str, line: str
) -> None:
    found = notice(environment, system.root)
    assert (found.text, found.commands) == (start + line, (line,))


@pytest.mark.parametrize(
    "environment",
    [
        {"PBS_JOBID": "12", "PBS_ENVIRONMENT": "PBS_BATCH"},
        {"LSB_JOBID": "12"},
        {"JOB_ID": "12", "QUEUE": "gpu.q", "JOB_NAME": "calm2.sh"},
    ],
)
def test_script_of_another_scheduler_is_told_to_follow_the_run(system: System, environment: dict[str, str]) -> None:
    found = notice(environment, system.root)
    assert "batch job 12: the run ends with it. Leave out --detach in the job's script" in found.text


@pytest.mark.parametrize(
    "environment",
    [{}, {"JOB_ID": "12"}, {"QUEUE": "gpu.q"}, {"JOB_ID": "nightly", "QUEUE": "q"}, {"SLURM_JOB_ID": ""}],
)
def test_shell_outside_of_jobs_has_no_notice(system: System, environment: dict[str, str]) -> None:
    system.is_in(SESSION)
    assert find_notices(environment, system.root) == ()


@pytest.mark.parametrize("environment", [SRUN_SHELL, {"LSB_JOBID": "12", "LSB_INTERACTIVE": "Y"}])
@pytest.mark.parametrize("file", ["my file.toml", "it's.toml", 'a"$HOME"`id`.toml'])
def test_any_file_name_comes_through_the_shell_whole(system: System, environment: dict[str, str], file: str) -> None:
    [found] = find_notices(environment, system.root, Commands.of_run("run", file, store=Path("/s.sqlite")))
    inner = shlex.split(found.commands[0])[-1]
    assert shlex.split(inner) == ["qtui", "run", file, "--store", "/s.sqlite"]


def test_running_run_is_stopped_first(system: System) -> None:
    [found] = find_notices(SRUN_SHELL, system.root, Commands.of_running(3, Path("/s.sqlite")), now=NOW)
    assert found.text.endswith(
        "Stop it with `qtui cancel 3 --store /s.sqlite`, then submit it instead:"
        ' sbatch --wrap "qtui resume 3 --store /s.sqlite"'
    )
