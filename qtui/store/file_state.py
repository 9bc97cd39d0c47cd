"""The state of a store's file as a text that changes when its content may have changed: for what was computed from it.

It may change although the rows are the same (SQLite moves them from its log into the file): then something is computed again for
nothing, and nothing old is taken for new.

The files are never opened here. Closing a file drops all locks that the process has on it (POSIX), those of its connections to the
store too: another process would take itself for the last one and delete the log into which this one still writes.
"""

import time
from pathlib import Path

from qtui.records import content_hash

SETTLED_SECONDS = 0.1
"""A file that changed less than this ago has no state: file systems give two changes at about the same time the same time."""
SETTLED_SECONDS_COARSE = 2.5
"""The same for file systems that know only whole seconds, or every other one."""


def of_file(path: Path) -> str | None:
    """Return the state of the store at `path` with its write-ahead log; None if it cannot be read, or changed a moment ago."""
    try:
        real = path.resolve()
        files = [real.stat()]
        log = real.with_name(f"{real.name}-wal")
        if log.exists():
            files.append(log.stat())
    except (OSError, ValueError):
        return None
    changed = max(file.st_mtime_ns for file in files)
    if time.time() - changed / 1e9 < (SETTLED_SECONDS if changed % 1_000_000_000 else SETTLED_SECONDS_COARSE):
        return None
    return content_hash(*((file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns) for file in files if file.st_size))
