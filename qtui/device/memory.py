"""Memory: what the machine has, what its control group (a container, a batch job, a service) allows, what is still free.

The kernel's view of the machine promises more than a process may take. The limits of the process's own control group count, and
those of the groups above it, of both versions: 2 is one tree under /sys/fs/cgroup, 1 has a tree of its own for memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

_NO_LIMIT = 1 << 60
"""Version 1 says "no limit" as a number near the largest that it knows."""

_NEARLY_ALL = 0.8
"""Of a limit on addresses."""

_SELF = "self"


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `limit` is that of the control group, None where there is none; `free` is what may still be taken."""

    total: int
    available: int
    limit: int | None
    free: int


@dataclass(frozen=True, slots=True)
class OomKills:
    """How many processes the kernel has killed for lack of memory: in one control group, and on the whole machine.

    None where the system does not count them. `file` has the count of the group; counts of two groups cannot be compared.
    """

    file: Path | None
    in_group: int | None
    on_machine: int | None


@dataclass(frozen=True, slots=True)
class _Group:
    limit: int | None
    used: int


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """The limit of a process on addresses (`ulimit -v`), how much of it is used now, and the most that was, in bytes."""

    limit: int
    used: int
    most: int

    @property
    def is_nearly_used(self) -> bool:
        """Whether a failure may come of it: what asked for more than was left does not count as used."""
        return self.most > _NEARLY_ALL * self.limit


def memory(root: Path = Path("/"), process: int | str = _SELF) -> Memory:
    """What a process has of memory: its pid, by default this process."""
    total, available = _machine(root)
    limit, free = None, available
    for group in _groups(root, process):
        if group.limit is not None and group.limit < total:
            limit = group.limit if limit is None else min(limit, group.limit)
            free = min(free, max(0, group.limit - group.used))
    return Memory(total, available, limit, free)


def oom_kills(root: Path = Path("/"), process: int | str = _SELF) -> OomKills:
    """The kernel's counts for the control group of a process. To be compared with a later reading of the same."""
    folder, version = next(_group_folders(root, process), (None, 0))
    file = folder / ("memory.oom_control" if version == 1 else "memory.events") if folder else None
    return _counted(root, file)


def oom_kills_again(before: OomKills, root: Path = Path("/")) -> OomKills:
    """The counts of the same control group now: its process may be gone."""
    return _counted(root, before.file)


def was_killed_for_memory(before: OomKills, after: OomKills) -> bool | None:
    """Whether the kernel killed for lack of memory between two readings; None where this system does not say.

    The machine's own count is only taken where the group has none: it counts the processes of everybody.
    """
    if before.file == after.file and before.in_group is not None and after.in_group is not None:
        return after.in_group > before.in_group
    if before.on_machine is not None and after.on_machine is not None:
        return after.on_machine > before.on_machine
    return None


def address_space(process: int | None = None) -> AddressSpace | None:
    """The limit on the addresses of a process, by default of this one; None where there is no limit, or it cannot be read."""
    if not hasattr(psutil, "RLIMIT_AS"):
        return None
    try:
        asked = psutil.Process(process)
        soft, _ = asked.rlimit(psutil.RLIMIT_AS)
        if soft in (psutil.RLIM_INFINITY, -1):
            return None
        used = int(asked.memory_info().vms)
        peak = _values(Path(f"/proc/{asked.pid}/status")).get("VmPeak", 0) * 1024
        return AddressSpace(int(soft), used, max(used, peak))
    except (psutil.Error, OSError, ValueError):
        return None


def _counted(root: Path, file: Path | None) -> OomKills:
    return OomKills(file, _value(file, "oom_kill") if file else None, _value(root / "proc/vmstat", "oom_kill"))


def _machine(root: Path) -> tuple[int, int]:
    values = _values(root / "proc/meminfo")
    if "MemTotal" in values and "MemAvailable" in values:
        return values["MemTotal"] * 1024, values["MemAvailable"] * 1024
    known = psutil.virtual_memory()
    return int(known.total), int(known.available)


def _groups(root: Path, process: int | str) -> Iterator[_Group]:
    for folder, version in _group_folders(root, process):
        limit = _number(folder / ("memory.limit_in_bytes" if version == 1 else "memory.max"))
        used = _number(folder / ("memory.usage_in_bytes" if version == 1 else "memory.current"))
        if used is None:
            continue
        # Pages of files that were read once (weights while they were hashed) are given back before anything is refused.
        idle = _value(folder / "memory.stat", "total_inactive_file" if version == 1 else "inactive_file") or 0
        yield _Group(limit if limit is not None and limit < _NO_LIMIT else None, max(0, used - idle))


def _group_folders(root: Path, process: int | str) -> Iterator[tuple[Path, int]]:
    """The folders of the process's control group and of all above it, the innermost first, with the version (1 or 2)."""
    path, version = _group_path(root, process)
    top = root / ("sys/fs/cgroup/memory" if version == 1 else "sys/fs/cgroup")
    if path is None or not top.is_dir():
        return
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    # In a container the path may be the one that the host knows while only the end of it is mounted here.
    while parts and not top.joinpath(*parts).is_dir():
        parts = parts[1:]
    for length in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:length]), version


def _group_path(root: Path, process: int | str) -> tuple[str | None, int]:
    """Of the lines `number:controllers:path`; memory is under version 1 wherever a line names it."""
    try:
        lines = (root / f"proc/{process}/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None, 0
    unified = None
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            return path, 1
        if number == "0" and not controllers:
            unified = path
    return unified, 2


def _value(file: Path, name: str) -> int | None:
    return _values(file).get(name)


def _values(file: Path) -> dict[str, int]:
    """Lines of a name and a number, with or without a colon and a unit."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.replace(":", " ", 1).split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) >= 2 and pair[1].isdigit()}


def _number(file: Path) -> int | None:
    """None for `max` and where there is no such file."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
