"""The state of a store's file as a text that changes when its content may have changed: for what was computed from it.

It may change although the rows are the same (SQLite moves them from its log into the file): then something is computed again for
nothing, and nothing old is taken for new.
"""

import time
from pathlib import Path

from qtui.records import content_hash

SETTLED_SECONDS = 0.1
"""A file that changed less than this ago has no state: file systems give two changes at about the same time the same time."""
_HEADER = 100
"""Bytes of SQLite's header, with its counter of changes."""


def of_file(path: Path) -> str | None:
    """Return the state of the store at `path` with its write-ahead log; None if it cannot be read, or changed a moment ago."""
    try:
        real = path.resolve()
        log = real.with_name(f"{real.name}-wal")
        parts = [_part(real)]
        if log.exists() and log.stat().st_size:
            parts.append(_part(log))
    except (OSError, ValueError):
        return None
    if time.time() - max(part[3] for part in parts) / 1e9 < SETTLED_SECONDS:
        return None
    return content_hash(*parts)


def _part(file: Path) -> tuple[int, int, int, int, str]:
    """Device and inode, size, time of the last change in ns, and the beginning: a log that begins anew has another."""
    with file.open("rb") as opened:
        beginning = opened.read(_HEADER).hex()
    status = file.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, beginning
