"""The control group of this process: it belongs to a login session, a user manager, a service, or a Slurm job.

A process that has left its session or job still has that environment; logind and Slurm themselves use the control group.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from qtui.session_end import system_files

_SESSION = re.compile(r"/user-(\d+)\.slice/session-[^/]+\.scope(?:/|$)")
_USER_MANAGER = re.compile(r"/user@(\d+)\.service(?:/|$)")
_SLURM_STEP = re.compile(r"slurm[^/]*/(?:[^/]+/)*?job_(\d+)/step_([^/]+)")
_SYSTEMD_HIERARCHIES = ("", "name=systemd")
"""Names of systemd's hierarchy: with version 2 of control groups, and with version 1."""


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The facts in the paths of /proc/self/cgroup."""

    is_known: bool = False
    """False without systemd, and in a container that hides the path."""
    session_of: int | None = None
    """uid of the user whose login session this is; in a shell of `sudo` the user who logged in."""
    user_manager_of: int | None = None
    """uid of the user under whose manager (`user@UID.service`) this process runs."""
    slurm_job: str = ""
    slurm_step: str = ""
    """`batch`, `interactive`, `extern` (an SSH connection to the job's node) or a number."""


def of_this_process(root: Path) -> ControlGroup:
    lines = system_files.read(root / "proc/self/cgroup").splitlines()
    entries = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    paths = [path for _, _, path in entries]
    is_known = any(path.strip("/") for _, kind, path in entries if kind in _SYSTEMD_HIERARCHIES)
    step = next(filter(None, map(_SLURM_STEP.search, paths)), None)
    return ControlGroup(
        is_known=is_known,
        session_of=_user(_SESSION, paths),
        user_manager_of=_user(_USER_MANAGER, paths),
        slurm_job=step[1] if step else "",
        slurm_step=step[2] if step else "",
    )


def _user(pattern: re.Pattern[str], paths: list[str]) -> int | None:
    match = next(filter(None, map(pattern.search, paths)), None)
    return int(match[1]) if match else None
