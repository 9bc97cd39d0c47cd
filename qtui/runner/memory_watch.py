"""The memory use of a child process, sampled once a second while it lives: after the kernel has killed it, it cannot be read.

A sample reads a few files of the system in less than a millisecond, so it may run on the event loop.
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
from qtui.processes.end import MemoryUse

SAMPLE_SECONDS = 1.0
_GREW_BYTES = 64 << 20
"""A process whose peak exceeds its last sample by more than this grew after free memory was sampled."""


@dataclass(slots=True)
class MemoryWatch:
    """The memory of one child process since its start. `rss` and `peak` count its resident pages, in bytes."""

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
        """Take samples until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        """Read the current figures. After the end of the process the last ones stay."""
        with contextlib.suppress(psutil.Error, OSError):
            rss = int(psutil.Process(self.pid).memory_info().rss)
            if not rss:
                return  # a zombie: it has ended, and nobody has waited for it yet
            self.rss, self.peak = rss, max(rss, self.peak or 0)
            self.memory = memory(process=self.pid)
            self.address_space = address_space(self.pid)
            kills = oom_kills(process=self.pid)
            if self._kills is None or kills.file != self._kills.file:
                self._kills = kills  # counts of another control group cannot be compared

    def at_end(self) -> MemoryUse:
        """The memory use of the process after it has ended and been waited for."""
        killed = was_killed_for_memory(self._kills, oom_kills_again(self._kills)) if self._kills else None
        peak, grew = self.peak, False
        largest = _largest_child()
        # The system keeps only the peak of the largest child waited for. If that has grown, it is the peak of this one.
        if largest > self._largest_before and largest > (peak or 0):
            peak, grew = largest, largest > (self.rss or 0) + _GREW_BYTES
        return MemoryUse(
            peak=peak,
            free=self.memory.free if self.memory else None,
            limit=self.memory.limit if self.memory else None,
            total=self.memory.total if self.memory else None,
            address_space=self.address_space,
            killed_for_memory=killed,
            grew_after_sample=grew,
        )


def _largest_child() -> int:
    """Peak resident bytes of the largest child waited for. Linux counts in KiB, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
