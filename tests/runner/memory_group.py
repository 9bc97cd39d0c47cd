"""A control group whose memory a test limits, and a process that uses it up, so that the kernel kills for lack of memory."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

_PLACES = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max"))
_SECONDS = 30.0

_FILLER = """
import sys
from pathlib import Path

victim, kept = sys.argv[1], []

def lives():
    try:
        return Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

while lives():
    kept.append(bytearray(b"x") * (4 << 20))
"""


class MemoryGroup:
    def __init__(self, folder: Path, limit: Path) -> None:
        self.folder = folder
        self._limit = limit

    def limit(self, number: int) -> None:
        self._limit.write_text(str(number))

    def within(self, command: Sequence[str]) -> list[str]:
        """A command that runs another in this group."""
        return ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(self.folder), *command]

    def have_killed(self, victim: psutil.Process) -> None:
        """Use the group's memory up until the kernel has killed this process of it, before any other."""
        Path(f"/proc/{victim.pid}/oom_score_adj").write_text("1000")
        filler = self.within([sys.executable, "-c", _FILLER, str(victim.pid)])
        # It may be killed as the next one, if the first takes long to be gone.
        subprocess.run(filler, check=False, timeout=_SECONDS)


@contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """A group that is gone afterwards, with all that runs in it. Skips the test where none can be made."""
    for top, name in _PLACES:
        folder = top / f"qtui-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / name).exists():
            _forbid_swap(folder)
            try:
                yield MemoryGroup(folder, folder / name)
            finally:
                _remove(folder)
            return
        folder.rmdir()
    pytest.skip(
        "no control group for memory can be made here (that takes root, and a hierarchy that is mounted writable)"
    )


def _forbid_swap(folder: Path) -> None:
    """Or what is used up goes there first."""
    if (folder / "memory.swap.max").exists():
        (folder / "memory.swap.max").write_text("0")
    elif (folder / "memory.swappiness").exists():
        (folder / "memory.swappiness").write_text("0")


def _remove(folder: Path) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            folder.rmdir()
            return
        except OSError:
            time.sleep(0.02)
