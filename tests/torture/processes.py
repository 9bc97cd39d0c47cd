"""The processes of a round, found by a variable of their environment: also those whose parent is gone."""

import os
from pathlib import Path

import psutil

from tests.torture.work import ROUND, Folder

_MODULES = {
    "runner": ("qtui.runner",),
    "worker": ("qtui.engines.processes.worker",),
    "scorers": ("qtui.scorers.process",),
}


def of_round(folder: Folder) -> list[psutil.Process]:
    """All living processes of the round."""
    return of_rounds_in(folder.path)


def of_rounds_in(path: Path) -> list[psutil.Process]:
    """All living processes of rounds whose folder is `path` or in it."""
    mark = f"{ROUND}={path}/".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = Path(entry.path, "environ").read_bytes().split(b"\0")
            is_meant = any((variable + b"/").startswith(mark) for variable in variables)
            if is_meant and (process := psutil.Process(int(entry.name))).status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.Error):
            continue  # it has ended, or belongs to somebody else
    return found


def find(folder: Folder, victim: str) -> list[psutil.Process]:
    """The living runner, worker or scorers of the round; a stopped predecessor may still be there."""
    return [process for process in of_round(folder) if module_of(process) in _MODULES[victim]]


def describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({' '.join(process.cmdline()[1:6])}, {process.status()})"
    except psutil.Error:
        return str(process.pid)


def module_of(process: psutil.Process) -> str:
    """The module that a process runs by `python -m`."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return words[words.index("-m") + 1] if "-m" in words[:-1] else ""
