"""Detecting what will end a run without a cancel: the end of a cluster's job, or a logout.

A runner has a session of its own and survives its terminal and the SSH connection. It does not survive if all processes of a job or
of a login session are ended: by Slurm, PBS, LSF and Grid Engine at the end of a job, and by logind at a logout if it is configured
so. This package detects both and says what to do. It reads only the environment and a few files, so it never blocks.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from qtui.session_end import job_schedulers, logind
from qtui.session_end.notice import ANY_RUN, Commands, Notice, in_words

__all__ = ["ANY_RUN", "ROOT", "Commands", "Notice", "find_notices", "in_words", "notices_here"]

ROOT = Path("/")


def find_notices(
    environment: Mapping[str, str], root: Path, commands: Commands = ANY_RUN, *, now: float | None = None
) -> tuple[Notice, ...]:
    """One notice for each thing that will end a run started in `environment`; empty if nothing will.

    `root` holds the files of the system (`/`). `commands` start the run; the texts quote them. `now` is in seconds since the epoch,
    by default the present.
    """
    notices = (job_schedulers.notice(environment, root, commands, now), logind.notice(environment, root, commands))
    return tuple(notice for notice in notices if notice is not None)


def notices_here(stored: Sequence[str], commands: Commands) -> tuple[Notice, ...]:
    """The notices of this process whose `when` is in `stored`, the `ends` of a run's summary; empty on other machines."""
    if not stored:
        return ()
    return tuple(notice for notice in find_notices(os.environ, ROOT, commands) if notice.when in stored)
