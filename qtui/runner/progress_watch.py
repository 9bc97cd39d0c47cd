"""Noticing a worker, or another process with an engine, that hangs: one from which nothing is heard, although it should work.

Loading a large model from a slow disk, or reading a long prompt on a slow processor, may take an hour without a message. So silence
alone is no sign. A worker that uses neither processor nor disk hangs after `idle` seconds. One that computes and says nothing
hangs after `busy` seconds, but not before a multiple of the longest silence that it broke before, nor before the time in which
the slowest disk reads its weights.

Time is counted in steps while the run is not paused. So neither a clock that is set, a machine that sleeps nor a runner that was
stopped counts as silence.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from qtui import config
from qtui.errors import UserError
from qtui.format import duration
from qtui.runner.control import Control

TICK_SECONDS = 1.0
TIMES_THE_LONGEST_SILENCE = 20
SLOWEST_BYTES_PER_SECOND = 2 << 20
"""Weights over a slow network file system, read more than once: hashed, converted and loaded."""
_WORKING_SHARE = 0.02
"""Share of a processor above which a process counts as working: a waiting one uses none."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a worker may be silent: doing nothing, and computing. Infinite means for ever."""

    idle: float = 600.0
    busy: float = 3600.0

    @classmethod
    def of_seconds(cls, seconds: float) -> "Patience":
        """The patience for a user's setting of `idle`; 0 is for ever."""
        return cls(seconds or float("inf"), 6 * seconds or float("inf"))


def patience_of_user() -> Patience:
    """Return the patience that the user has set."""
    try:
        return Patience.of_seconds(config.load().worker_patience)
    except UserError:
        return Patience()  # the workbench reports what is wrong with the settings; the work does without them


@dataclass(slots=True)
class _Work:
    """What a process and its children have used: seconds of processors, bytes of disks."""

    processor: float = 0.0
    disk: int = 0


class ProgressWatch:
    """Watches one process. Whoever reads its messages calls `heard`."""

    def __init__(self, pid: int, patience: Patience, control: Control) -> None:
        self._pid, self._patience, self._control = pid, patience, control
        self._silent = self._idle = self._longest = 0.0
        self._weights_bytes = 0
        self._work = _work(pid)

    def heard(self, weights_bytes: int = 0) -> None:
        """Note a message; `weights_bytes` is the size of the weights, if it says that."""
        self._longest = max(self._longest, self._silent)
        self._silent = self._idle = 0.0
        self._weights_bytes = weights_bytes or self._weights_bytes

    async def hangs(self) -> str:
        """Wait until the worker hangs, and return in words what shows that."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            step, before = min(now - before, 2 * TICK_SECONDS), now
            if self._control.paused.is_set():
                continue
            self._silent += step
            self._idle = 0.0 if self._has_worked(step) else self._idle + step
            if self._idle >= self._patience.idle:
                return f"it did nothing for {duration(self._idle)}"
            if self._silent >= self._most_silent():
                return f"it computed for {duration(self._silent)} without a result"

    def _most_silent(self) -> float:
        reading = self._weights_bytes / SLOWEST_BYTES_PER_SECOND
        return max(self._patience.busy, TIMES_THE_LONGEST_SILENCE * self._longest, reading)

    def _has_worked(self, seconds: float) -> bool:
        earlier, self._work = self._work, _work(self._pid)
        used = self._work.processor - earlier.processor
        return used > _WORKING_SHARE * seconds or self._work.disk != earlier.disk or _waits_for_lock(self._pid)


def _work(pid: int) -> _Work:
    """The work of a process and its children so far. Children that have ended count with their parent."""
    work = _Work()
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error, OSError):
                times = each.cpu_times()
                work.processor += times.user + times.system
                read = each.io_counters()
                work.disk += read.read_bytes + read.write_bytes
    return work


def _waits_for_lock(pid: int) -> bool:
    """Whether the process waits for a lock on a file, which another process holds while it makes that file."""
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    return any(str(pid) in line.split() for line in locks if "->" in line)
