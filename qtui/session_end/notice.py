"""A notice about the end of a run: facts, text, and commands that start the run so that it survives."""

import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qtui import paths

LONGEST_LIMIT_SECONDS = 360 * 24 * 3600
"""An end later than this means that there is none: Slurm gives a job without a time limit an end about a year ahead."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands that start the run of a notice, each split into words."""

    followed: tuple[str, ...]
    """Returns when the run ends."""
    detached: tuple[str, ...]
    """Returns at once, or opens the workbench."""
    cancel: tuple[str, ...] = ()
    """Cancels the run if it is already running; else empty."""

    @classmethod
    def of_run(cls, *words: str, store: Path) -> "Commands":
        """The commands for `qtui run` or `qtui resume` with these words."""
        followed = (_program(), *words, *_store_option(store))
        return cls(followed, (*followed, "--detach"))

    @classmethod
    def of_demo(cls, store: Path) -> "Commands":
        command = (_program(), "demo")
        return cls((*command, "--headless", *_store_option(store)), (*command, *_store_option(store)))

    @classmethod
    def of_running(cls, run_id: int, store: Path) -> "Commands":
        """The commands that cancel a run and resume it elsewhere."""
        cancel = (_program(), "cancel", str(run_id), *_store_option(store))
        return replace(cls.of_run("resume", str(run_id), store=store), cancel=cancel)

    def advice(self, how: str, line: str) -> str:
        """The sentence that says how to start the run otherwise. `how` is for instance `submit it`."""
        if self.cancel:
            return f"Stop it with `{shlex.join(self.cancel)}`, then {how} instead: {line}"
        return f"{how[0].upper()}{how[1:]} instead: {line}"


ANY_RUN = Commands(("qtui", "run", "FILE"), ("qtui", "run", "FILE", "--detach"))


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that ends a run."""

    when: str
    """When the run ends, as words after "the run ends": `with Slurm job 4711`, `when you log out of gpu-2`."""
    text: str
    """What ends the run, when, and what to do about it, with the command."""
    commands: tuple[str, ...]
    """The commands to use instead, one per line of a shell."""
    ends_at: float | None = None
    """The latest end in seconds since the epoch; None if it is not known."""

    def __str__(self) -> str:
        return self.text


def in_words(notices: Sequence[str], ends_at: float | None, now: float | None = None) -> str:
    """`ends with Slurm job 4711, at 18:40 at the latest`; empty if nothing ends the run. `notices` are `Notice.when`."""
    return f"ends {' or '.join(notices)}{latest(ends_at, now)}" if notices else ""


def latest(ends_at: float | None, now: float | None = None) -> str:
    """`, at 18:40 at the latest`; empty if the time is not known."""
    if ends_at is None:
        return ""
    then, today = time.localtime(ends_at), time.localtime(now)
    day = "" if then[:3] == today[:3] else time.strftime("on %-d %b ", then)
    return f", {day}at {time.strftime('%H:%M', then)} at the latest"


def _program() -> str:
    """`qtui` if a shell finds it, else the path with which this process was started."""
    started = Path(sys.argv[0])
    return str(started) if started.name == "qtui" and shutil.which("qtui") is None else "qtui"


def _store_option(store: Path) -> tuple[str, ...]:
    return () if store == paths.default_store() else ("--store", str(store))
