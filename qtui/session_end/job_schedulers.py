"""Jobs of Slurm, PBS, LSF and Grid Engine: the scheduler ends every process of a job when the job's shell or script ends.

Documented variables of the schedulers show which job this is and whether its shell is interactive:
srun(1), salloc(1) and sbatch(1); qsub(1) of PBS; "Environment variables set for job execution" of LSF; submit(1) of Grid Engine.
"""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qtui.session_end import control_group, system_files
from qtui.session_end.control_group import ControlGroup
from qtui.session_end.notice import LONGEST_LIMIT_SECONDS, Commands, Notice, latest

_SHELLS = frozenset(
    ("interactive", "bash", "sh", "zsh", "fish", "dash", "ksh", "csh", "tcsh", "tmux", "screen")
)  # fmt: skip
"""Names of jobs that are shells: salloc calls its job `interactive`, srun calls it by its program."""
_INTERACTIVE_STEP = "4294967290"
"""The step in which salloc runs its shell on the job's node, if the cluster is configured so."""
_GRID_ENGINE_SHELLS = frozenset(("QLOGIN", "QRLOGIN", "QRSH", "QSH", "INTERACTIVE"))


@dataclass(frozen=True, slots=True)
class _Job:
    scheduler: str
    id: str
    is_batch: bool
    """False if the job is an interactive shell."""
    ends_at: float | None = None


def notice(environment: Mapping[str, str], root: Path, commands: Commands, now: float | None) -> Notice | None:
    """The notice for the job to which this process belongs; None outside of jobs."""
    job = _slurm(environment, root, now) or _pbs(environment) or _lsf(environment) or _grid_engine(environment)
    if job is None:
        return None
    end = f"the run ends with it{latest(job.ends_at, now)}."
    if job.is_batch:
        line = shlex.join(commands.followed)
        text = (
            f"This is {job.scheduler} batch job {job.id}: {end} Leave out --detach in the job's script, so that the job lasts as"
            f" long as the run: {line}"
        )
    else:
        line = _submission(job.scheduler, commands.followed)
        text = f"This shell is {job.scheduler} job {job.id}: {end} {commands.advice('submit it', line)}"
    return Notice(f"with {job.scheduler} job {job.id}", text, (line,), job.ends_at)


def _slurm(environment: Mapping[str, str], root: Path, now: float | None) -> _Job | None:
    group = control_group.of_this_process(root)
    job_id = group.slurm_job or environment.get("SLURM_JOB_ID") or environment.get("SLURM_JOBID")
    if not job_id:
        return None
    is_batch = not _has_slurm_terminal(environment, group) and _is_slurm_script(environment, root, group)
    return _Job("Slurm", job_id, is_batch, _slurm_end(environment, now))


def _has_slurm_terminal(environment: Mapping[str, str], group: ControlGroup) -> bool:
    return (
        "SLURM_PTY_PORT" in environment
        or environment.get("SLURM_INTERACTIVE", "0").lower() not in ("", "0", "no", "false")
        or environment.get("SLURM_STEP_ID") == _INTERACTIVE_STEP
        or group.slurm_step in ("interactive", "extern")
    )


def _is_slurm_script(environment: Mapping[str, str], root: Path, group: ControlGroup) -> bool:
    """Whether sbatch started this, or srun with a command that is no shell."""
    if group.slurm_step == "batch" or environment.get("ENVIRONMENT") == "BATCH":
        return True
    name = environment.get("SLURM_JOB_NAME", "").rpartition("/")[2]
    return bool(name) and name.lstrip("-") not in _SHELLS and not _is_where_submitted(environment, root)


def _is_where_submitted(environment: Mapping[str, str], root: Path) -> bool:
    """Whether this is the shell of salloc on the login node. Scripts and steps have SLURMD_NODENAME from their node."""
    submitted_on = environment.get("SLURM_SUBMIT_HOST", "").partition(".")[0]
    return (
        bool(submitted_on)
        and "SLURMD_NODENAME" not in environment
        and submitted_on == system_files.host_name(root).partition(".")[0]
    )


def _slurm_end(environment: Mapping[str, str], now: float | None) -> float | None:
    """When the time limit is reached; None if the job has none, or with an older Slurm that does not set it."""
    try:
        ends_at = int(environment.get("SLURM_JOB_END_TIME", ""))
    except ValueError:
        return None
    present = time.time() if now is None else now
    return float(ends_at) if 0 < ends_at < present + LONGEST_LIMIT_SECONDS else None


def _pbs(environment: Mapping[str, str]) -> _Job | None:
    job_id = environment.get("PBS_JOBID")
    return _Job("PBS", job_id, environment.get("PBS_ENVIRONMENT") == "PBS_BATCH") if job_id else None


def _lsf(environment: Mapping[str, str]) -> _Job | None:
    job_id = environment.get("LSB_JOBID")
    return _Job("LSF", job_id, environment.get("LSB_INTERACTIVE", "").upper() not in ("Y", "YES")) if job_id else None


def _grid_engine(environment: Mapping[str, str]) -> _Job | None:
    """The job of Grid Engine, which sets `JOB_ID` and `QUEUE`; other programs use `JOB_ID`, too."""
    job_id = environment.get("JOB_ID", "")
    if not job_id.isdigit() or not environment.get("QUEUE"):
        return None
    names = {environment.get(name, "").upper() for name in ("JOB_NAME", "JOB_SCRIPT", "REQUEST")}
    return _Job("Grid Engine", job_id, not names & _GRID_ENGINE_SHELLS)


def _submission(scheduler: str, command: tuple[str, ...]) -> str:
    """A line for a shell that submits this command as a job, in this folder and environment."""
    line = shlex.join(command)
    if scheduler == "Slurm":
        return f"sbatch --wrap {_quoted(line)}"
    if scheduler == "PBS":
        script = f'cd "$PBS_O_WORKDIR" && {line}'
        return f"echo {shlex.quote(script)} | qsub -V"
    if scheduler == "LSF":
        return f"bsub {_quoted(line)}"
    return f"qsub -cwd -V -b y {line}"


def _quoted(line: str) -> str:
    return shlex.quote(line) if any(character in line for character in "\"$`\\!'") else f'"{line}"'
