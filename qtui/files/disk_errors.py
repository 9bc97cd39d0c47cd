"""What the disk refuses, as a sentence for a user."""

import errno

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


def describe(error: OSError) -> str:
    """Return what happened to which file, and what to do."""
    where = str(error.filename) if error.filename else "a file"
    reason = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return f"{where}: the disk is full ({reason}). Free some space, or name other folders with TMPDIR=… and XDG_CACHE_HOME=…"
    if error.errno in _FORBIDDEN:
        return (
            f"{where}: cannot be used ({reason}). Correct its permissions, or name another folder with XDG_CACHE_HOME=…"
        )
    return f"{where}: {reason}"
