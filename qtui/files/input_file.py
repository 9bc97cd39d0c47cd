"""Reading files that a person names: regular ones of a reasonable size, since a device or a pipe may never end.

What a file must not be is a UserError; that it is missing or cannot be read stays an OSError, which every caller words for itself.
"""

import errno
import os
import stat
from pathlib import Path

from qtui.errors import UserError

TEXT_BYTES = 4 * 1024 * 1024
"""Of what people write: experiments, prompts, themes, catalogs, configuration. The longest known has 20 KB."""
TABLE_BYTES = 512 * 1024 * 1024
"""Of task sets and answers, which are held in memory whole: half a million tasks of a page each."""


def read(path: Path, limit: int = TABLE_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises UserError where it is not that, OSError as `open` does."""
    check(path, limit)
    # Without O_NONBLOCK a pipe that took the file's place would hold this up until somebody writes to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        _check(path, os.fstat(file.fileno()), limit)
        content = file.read(limit + 1)  # a file may grow, and some of the kernel's say that they have no size
    if len(content) > limit:
        raise _too_large(path, limit)
    return content


def read_text(path: Path, *, encoding: str = "utf-8", limit: int = TEXT_BYTES) -> str:
    """The same as text, line ends as newlines. Raises UnicodeDecodeError, too."""
    return read(path, limit).decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def check(path: Path, limit: int = TABLE_BYTES) -> None:
    """Raises what `read` would, without reading."""
    _check(path, path.stat(), limit)


def _check(path: Path, found: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: is {_kind(found.st_mode)}, not a file. Save what it gives in a file and name that.")
    if found.st_size > limit:
        raise _too_large(path, limit)


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _too_large(path: Path, limit: int) -> UserError:
    return UserError(
        f"{path}: is larger than {limit // (1024 * 1024)} MiB, more than such a file can have. Is it the right one?"
    )
