"""What ends a run although nobody cancels it: the end of a cluster's job, or a logout.

A runner has a session of its own and outlives its terminal and the SSH connection. That does not help where somebody else ends
everything that a job or a login session has left: Slurm, PBS, LSF and Grid Engine at the end of a job, and logind, where it is told
to, at a logout. This package notices both and says what helps. It only reads the environment and a few files, so it never waits.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from qtui.session_end import job_schedulers, logind
from qtui.session_end.notice import ANY_RUN, Commands, Notice, in_words

__all__ = ["ANY_RUN", "ROOT", "Commands", "Notice", "in_words", "notices_here", "what_ends_runs"]

ROOT = Path("/")


def what_ends_runs(
    environment: Mapping[str, str], root: Path, commands: Commands = ANY_RUN, *, now: float | None = None
) -> tuple[Notice, ...]:
    """What ends a run that is started in `environment`; empty where nothing does.

    `root` holds the files of the system (`/`), `commands` start the run and stand in the texts. `now`, by default the present, is
    in seconds since the epoch.
    """
    notices = (job_schedulers.notice(environment, root, commands, now), logind.notice(environment, root, commands))
    return tuple(notice for notice in notices if notice is not None)


def notices_here(ends: Sequence[str], commands: Commands) -> tuple[Notice, ...]:
    """What ends a run and this process alike, of the `ends` of its summary: a run of another job or machine has no notice here."""
    if not ends:
        return ()
    return tuple(notice for notice in what_ends_runs(os.environ, ROOT, commands) if notice.ends in ends)
