"""What the disk or a limit of the system refuses, as a sentence for a user."""

import errno

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_LIMITS = {
    errno.EMFILE: "Too many files are open for the limit of this process (`ulimit -n`). Raise it, for instance `ulimit -n 1024`",
    errno.ENFILE: "Too many files are open on this machine. Close programs, or raise the limit fs.file-max",
    errno.EFBIG: "reached the limit on the size of a file (`ulimit -f`). Raise it: `ulimit -f unlimited`",
}


def is_of_disk(error: OSError) -> bool:
    """Whether an error is one that `describe` has words for.

    What a disk or limit refuses is one also without a file's name, because a write names none; of any other, only the name helps.
    """
    return bool(error.filename) or error.errno in (*_NO_SPACE, *_FORBIDDEN, *_LIMITS)


def limit(error: OSError) -> str:
    """Return the sentence about a limit of the process or machine; empty if it is none."""
    words = _LIMITS.get(error.errno or 0, "")
    if error.errno != errno.EFBIG:
        return words
    return f"{error.filename or 'A file'} {words}"


def describe(error: OSError) -> str:
    """Return what happened to which file, and what to do."""
    where = str(error.filename) if error.filename else "a file"
    reason = error.strerror or str(error)
    if words := limit(error):
        return words
    if error.errno in _NO_SPACE:
        return f"{where}: the disk is full ({reason}). Free some space, or name other folders with TMPDIR=… and XDG_CACHE_HOME=…"
    if error.errno in _FORBIDDEN:
        return (
            f"{where}: cannot be used ({reason}). Correct its permissions, or name another folder with XDG_CACHE_HOME=…"
        )
    return f"{where}: {reason}"
