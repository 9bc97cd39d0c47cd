"""Large files that get their name only when they are complete. Remains of a killed process are removed by the next one.

While it is written, a file has a hidden name with the process's id, and is locked. If the lock is free, its writer is gone.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtui.files import disk_errors, private_files

SUFFIX = ".unfinished"


@contextmanager
def atomic_target(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to. It is renamed to `target` at the end of the block, or removed if the block raises."""
    private_files.make_folder(target.parent)
    remove_abandoned(target)
    path = target.with_name(f".{target.name}.{os.getpid()}{SUFFIX}")
    with private_files.create(path) as file:
        with contextlib.suppress(OSError):  # some network file systems have no locks; there nothing is removed
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            with disk_errors.naming(target):
                yield path
                path.replace(target)
        finally:
            path.unlink(missing_ok=True)


def remove_abandoned(target: Path) -> None:
    """Remove unfinished files of `target` that ended processes left."""
    for path in target.parent.glob(f".{_literal(target.name)}.*{SUFFIX}"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            # Another process writes it, or has just removed it.
            continue


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
