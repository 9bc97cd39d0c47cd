"""How much memory a child process has, looked at about once a second while it lives: when the kernel has killed it, it is too late.

A look reads a few files of the system and takes less than a millisecond, so it may be taken on the event loop.
"""

import asyncio
import contextlib
import resource
import sys
from dataclasses import dataclass

import psutil

from qtui.engines.device.memory import (
    AddressSpace,
    Memory,
    OomKills,
    address_space,
    memory,
    oom_kills,
    oom_kills_again,
    was_killed_for_memory,
)
from qtui.processes.end import MemoryHad

LOOK_SECONDS = 1.0
_GREW_BYTES = 64 << 20
"""A process that was larger by this at its end than at the last look took memory after it."""


@dataclass(slots=True)
class MemoryWatch:
    """Of one child process, from the moment that it was started. `rss` and `peak` are of its own pages, in bytes."""

    pid: int
    rss: int | None = None
    peak: int | None = None
    memory: Memory | None = None
    address_space: AddressSpace | None = None
    _kills: OomKills | None = None
    _largest_before: int = 0

    def __post_init__(self) -> None:
        self._largest_before = _largest_child()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Take the figures of now. Those of a process that is gone stay as they were."""
        with contextlib.suppress(psutil.Error, OSError):
            rss = int(psutil.Process(self.pid).memory_info().rss)
            if not rss:
                return  # it has ended, and nobody has waited for it yet
            self.rss, self.peak = rss, max(rss, self.peak or 0)
            self.memory = memory(process=self.pid)
            self.address_space = address_space(self.pid)
            kills = oom_kills(process=self.pid)
            if self._kills is None or kills.file != self._kills.file:
                self._kills = kills  # counts of another control group say nothing of this one

    def at_end(self) -> MemoryHad:
        """What is known once the process has been waited for."""
        killed = was_killed_for_memory(self._kills, oom_kills_again(self._kills)) if self._kills else None
        had, grew = self.peak, False
        largest = _largest_child()
        # The system keeps the peak of the largest child that was waited for: of this one, if it has changed.
        if largest > self._largest_before and largest > (had or 0):
            had, grew = largest, largest > (self.rss or 0) + _GREW_BYTES
        return MemoryHad(
            had=had,
            free=self.memory.free if self.memory else None,
            limit=self.memory.limit if self.memory else None,
            total=self.memory.total if self.memory else None,
            address_space=self.address_space,
            killed_for_memory=killed,
            free_is_older=grew,
        )


def _largest_child() -> int:
    """Bytes. Linux counts in KiB, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
