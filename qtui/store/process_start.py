"""When a process started, so that another process with the same pid is not taken for it.

The start is counted from the boot of the machine. A start by the clock moves when the clock is set: the system knows only the time
since boot, and adds it to a boot time that it computes from the present clock. A living runner would look like another process.
"""

import os
from pathlib import Path

import psutil

_CLOCK_FROM = 1e9
"""Seconds from which a stored start is one by the clock, as older versions stored it: no machine is up for thirty years."""
_CLOCK_TOLERANCE_SECONDS = 1.0
_BOOT_TOLERANCE_SECONDS = 0.005
"""Half a tick of the kernel, which counts in hundredths of a second."""
_START_FIELD = 19
"""Place in /proc/PID/stat, counted from 0 after the name, which is in parentheses and may have spaces."""


def start_of(pid: int) -> float:
    """Return when a process started, in seconds after boot; by the clock where the system has no /proc. Raises psutil.Error."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return float(int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK"))
    except (OSError, IndexError, ValueError):
        return float(psutil.Process(pid).create_time())


def is_alive(pid: int, started: float) -> bool:
    """Return whether the process with this pid runs and is the one that started then."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if started >= _CLOCK_FROM:
            return bool(abs(process.create_time() - started) < _CLOCK_TOLERANCE_SECONDS)
        return abs(start_of(pid) - started) < _BOOT_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return False
