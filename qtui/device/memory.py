"""Memory of the machine, the limit of the process's control group (container, batch job, service), and free memory.

A process may not use all memory that the machine has free: the limits of its control group and of all parent groups apply. Both
versions of control groups are read: version 2 is one tree under /sys/fs/cgroup, version 1 has a separate tree for memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

_NO_LIMIT = 1 << 60
"""Bytes. Version 1 writes "no limit" as a number near the largest possible one."""

_NEARLY_ALL = 0.8
"""Share of an address-space limit."""

_SELF = "self"


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `limit` is the control group's, None without one; `free` is what the process may still allocate."""

    total: int
    available: int
    limit: int | None
    free: int


@dataclass(frozen=True, slots=True)
class OomKills:
    """Numbers of processes that the kernel killed for lack of memory, in one control group and on the whole machine.

    None if the system does not count them. `file` contains the group's count; counts of different groups are not comparable.
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
    """The address-space limit of a process (`ulimit -v`), its use now and at its peak (`most`), in bytes."""

    limit: int
    used: int
    most: int

    @property
    def is_nearly_used(self) -> bool:
        """Whether the limit may be why an allocation failed. An allocation that was refused does not count as used."""
        return self.most > _NEARLY_ALL * self.limit


def memory(root: Path = Path("/"), process: int | str = _SELF) -> Memory:
    """Return the memory that a process may use. `process` is its pid, by default this process."""
    total, available = _machine_memory(root)
    limit, free = None, available
    for group in _groups(root, process):
        if group.limit is not None and group.limit < total:
            limit = group.limit if limit is None else min(limit, group.limit)
            free = min(free, max(0, group.limit - group.used))
    return Memory(total, available, limit, free)


def oom_kills(root: Path = Path("/"), process: int | str = _SELF) -> OomKills:
    """Return the kernel's counts for the control group of a process, to compare with a later reading."""
    folder, version = next(_group_folders(root, process), (None, 0))
    file = folder / ("memory.oom_control" if version == 1 else "memory.events") if folder else None
    return _read_kills(root, file)


def oom_kills_again(before: OomKills, root: Path = Path("/")) -> OomKills:
    """Return the current counts of the same control group. Its process may have ended."""
    return _read_kills(root, before.file)


def was_killed_for_memory(before: OomKills, after: OomKills) -> bool | None:
    """Whether the kernel killed a process for lack of memory between two readings; None if the system does not count.

    The machine's count includes processes of other users, so it is used only if the group has no count.
    """
    if before.file == after.file and before.in_group is not None and after.in_group is not None:
        return after.in_group > before.in_group
    if before.on_machine is not None and after.on_machine is not None:
        return after.on_machine > before.on_machine
    return None


def address_space(process: int | None = None) -> AddressSpace | None:
    """Return the address-space limit of a process (by default this one); None without a limit or if it cannot be read."""
    if not hasattr(psutil, "RLIMIT_AS"):
        return None
    try:
        examined = psutil.Process(process)
        soft, _ = examined.rlimit(psutil.RLIMIT_AS)
        if soft in (psutil.RLIM_INFINITY, -1):
            return None
        used = int(examined.memory_info().vms)
        peak = _values(Path(f"/proc/{examined.pid}/status")).get("VmPeak", 0) * 1024
        return AddressSpace(int(soft), used, max(used, peak))
    except (psutil.Error, OSError, ValueError):
        return None


def _read_kills(root: Path, file: Path | None) -> OomKills:
    return OomKills(file, _value(file, "oom_kill") if file else None, _value(root / "proc/vmstat", "oom_kill"))


def _machine_memory(root: Path) -> tuple[int, int]:
    values = _values(root / "proc/meminfo")
    if "MemTotal" in values and "MemAvailable" in values:
        return values["MemTotal"] * 1024, values["MemAvailable"] * 1024
    virtual = psutil.virtual_memory()
    return int(virtual.total), int(virtual.available)


def _groups(root: Path, process: int | str) -> Iterator[_Group]:
    for folder, version in _group_folders(root, process):
        limit = _number(folder / ("memory.limit_in_bytes" if version == 1 else "memory.max"))
        used = _number(folder / ("memory.usage_in_bytes" if version == 1 else "memory.current"))
        if used is None:
            continue
        # The kernel drops cached pages of files (such as weights that were hashed) before it refuses an allocation.
        idle = _value(folder / "memory.stat", "total_inactive_file" if version == 1 else "inactive_file") or 0
        yield _Group(limit if limit is not None and limit < _NO_LIMIT else None, max(0, used - idle))


def _group_folders(root: Path, process: int | str) -> Iterator[tuple[Path, int]]:
    """Folders of the process's control group and its parents, innermost first, each with the version (1 or 2)."""
    path, version = _group_path(root, process)
    top = root / ("sys/fs/cgroup/memory" if version == 1 else "sys/fs/cgroup")
    if path is None or not top.is_dir():
        return
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    # In a container the path may be the host's, of which only the last part is mounted.
    while parts and not top.joinpath(*parts).is_dir():
        parts = parts[1:]
    for length in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:length]), version


def _group_path(root: Path, process: int | str) -> tuple[str | None, int]:
    """Path and version of the group, from lines `number:controllers:path`. A line that names memory means version 1."""
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
    """The numbers in lines `name number`, with or without a colon and a unit; empty if the file cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.replace(":", " ", 1).split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) >= 2 and pair[1].isdigit()}


def _number(file: Path) -> int | None:
    """The number in a file; None for `max` and if there is no such file."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
