"""Standard streams that a parent process has closed, or that can no longer be written.

With stdin, stdout or stderr closed, the next file that is opened gets its number: what native code prints would go into that file.
So each number is taken before anything else is opened. A closed stdout refuses what is written, as a full disk does, because
somebody wanted the result; a closed stderr swallows it, because nobody could be told.

The same holds for a stderr that is open and cannot be written: a pipe whose reader has left, a log on a full disk. What is said
there is lost, and the work goes on.
"""

import contextlib
import io
import os
import sys
from typing import Any

_STREAMS = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
"""Name, how `/dev/null` is opened in its place, and its mode for Python. The order is that of their numbers."""


def open_missing() -> None:
    """Put a stream in the place of each standard stream that is closed. Call it before any file is opened."""
    for number, (name, flags, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        is_free = not _is_open(number)
        descriptor = os.open(os.devnull, flags)
        if is_free:
            descriptor = _renumber(descriptor, number)
        stream = os.fdopen(descriptor, mode, encoding="utf-8", errors="replace", closefd=False)
        setattr(sys, name, stream)


class _WatchedFile(io.FileIO):
    """A file that remembers why it could not be written: an OSError of a write does not say of which file it is."""

    problem: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.problem = error
            raise


class _LosingFile(io.FileIO):
    """A file that loses what it cannot write, as if it were written."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def lose_unwritable(*names: str) -> None:
    """Have no write to these streams (`stderr`, or a `stdout` that is a log, too) fail from now on."""
    for name in names:
        before = getattr(sys, name)
        if isinstance(before, io.TextIOWrapper):
            with contextlib.suppress(OSError):
                before.flush()
            setattr(sys, name, _losing(before))


def _losing(before: io.TextIOWrapper) -> io.TextIOWrapper:
    file = _LosingFile(before.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding=before.encoding, errors=before.errors, line_buffering=before.line_buffering
    )


def watch_stdout() -> None:
    """Have `stdout_problem` know of every write to stdout that fails from now on."""
    global _watched  # noqa: PLW0603 - a process has one stdout
    before = sys.stdout
    if not isinstance(before, io.TextIOWrapper):
        return
    before.flush()
    _watched = _WatchedFile(before.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_watched),
        encoding=before.encoding,
        # In a locale other than UTF-8, characters that cannot be encoded are printed as `?`.
        errors="replace",
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )


def stdout_problem() -> OSError | None:
    """Return why stdout cannot be written, or None. After a problem stdout goes nowhere, so that the process can end in order."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    problem = _watched.problem if _watched else None
    if problem is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError):
            os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return problem


_watched: _WatchedFile | None = None


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _renumber(descriptor: int, number: int) -> int:
    """Move a descriptor to the number of a standard stream, where children inherit it."""
    if descriptor == number:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return number
