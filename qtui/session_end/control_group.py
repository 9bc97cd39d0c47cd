"""The control group of this process, which says to whom it belongs: to a login session, a user manager, a service, or a Slurm job.

The environment is inherited by what has long left a session or job; the control group is what logind and Slurm themselves go by.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from qtui.session_end import system_files

_SESSION = re.compile(r"/user-(\d+)\.slice/session-[^/]+\.scope(?:/|$)")
_USER_MANAGER = re.compile(r"/user@(\d+)\.service(?:/|$)")
_SLURM_STEP = re.compile(r"slurm[^/]*/(?:[^/]+/)*?job_(\d+)/step_([^/]+)")
_SYSTEMD_HIERARCHIES = ("", "name=systemd")
"""Of version 2, and the one that systemd keeps for itself beside version 1."""


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """What the paths in /proc/self/cgroup tell."""

    is_known: bool = False
    """False without systemd, and in a container that hides its place."""
    session_of: int | None = None
    """The user whose login session this is (uid); in a shell of `sudo` still the one who logged in."""
    user_manager_of: int | None = None
    """The user whose manager (`user@UID.service`) this process runs under (uid)."""
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
