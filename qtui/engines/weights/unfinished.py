"""A large file appears under its name when it is whole, and what a killed process left behind is cleared by the next one.

While it grows it has a hidden name with the process's id, and is locked: a lock that can be had means that nobody writes any more.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtui.files import private_files

SUFFIX = ".unfinished"


@contextmanager
def growing(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to: renamed to it at the end of the block, removed if the block raises."""
    private_files.make_folder(target.parent)
    clear(target)
    path = target.with_name(f".{target.name}.{os.getpid()}{SUFFIX}")
    with private_files.create(path) as held:
        with contextlib.suppress(OSError):  # some network file systems have no locks: then nothing is cleared there
            fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield path
            path.replace(target)
        finally:
            path.unlink(missing_ok=True)


def clear(target: Path) -> None:
    """Remove what processes that are gone left of `target`."""
    for path in target.parent.glob(f".{_literal(target.name)}.*{SUFFIX}"):
        try:
            with path.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            # Somebody is writing it, or has just removed it.
            continue


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
