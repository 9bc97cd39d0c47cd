"""Reading files that the user names: only regular files of a reasonable size, because a device or pipe may never end.

Other kinds of files are a UserError. A missing or unreadable file is an OSError, for which each caller has its own message.
"""

import errno
import os
import stat
from pathlib import Path
from typing import IO

from qtui.errors import UserError
from qtui.files import text_decoding
from qtui.files.text_decoding import Decoded

TEXT_BYTES = 4 * 1024 * 1024
"""Limit for files written by people: experiments, prompts, themes, catalogs, configuration. The longest known has 20 KB."""
TABLE_BYTES = 512 * 1024 * 1024
"""Limit for task sets and answers, which are read into memory: half a million tasks of a page each."""

_MORE_BYTES = 1 << 20


def read(path: Path, limit: int = TABLE_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises UserError for other files, OSError as `open` does."""
    check(path, limit)
    # Without O_NONBLOCK this would block if a pipe has replaced the file, until somebody writes to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        _check(path, os.fstat(file.fileno()), limit)
        content = _whole(file, limit)
    if len(content) > limit:
        raise _too_large(path, limit)
    return content


def _whole(file: IO[bytes], limit: int) -> bytes:
    """What is in a file, or more than `limit` bytes of it. Memory is taken as the file fills it, not as the limit allows.

    A file may grow, and some kernel files report a size of 0, so it is read until its end.
    """
    content = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
    while len(content) <= limit and (more := file.read(_MORE_BYTES)):
        content += more
    return content


def read_text(path: Path, *, limit: int = TEXT_BYTES) -> str:
    """The content of a file in UTF-8, with newlines as line ends and without a byte order mark.

    Raises UserError with file and line for other encodings, and the errors of `read`.
    """
    content = read(path, limit)
    try:
        return _with_newlines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = text_decoding.line_of_byte(content, error.start)
        raise UserError(
            f"{path}:{line}: is not UTF-8 (byte {error.start + 1} of the file). Save the file as UTF-8."
        ) from None


def read_any_text(path: Path) -> Decoded:
    """The same in any encoding that the bytes themselves show. Raises UserError, also for other encodings, and OSError."""
    decoded = text_decoding.decode(read(path, TEXT_BYTES), path, advice="Save the file as UTF-8.")
    return Decoded(_with_newlines(decoded.text), decoded.encoding)


def check(path: Path, limit: int = TABLE_BYTES) -> None:
    """Raises the errors of `read` without reading the file."""
    _check(path, path.stat(), limit)


def _check(path: Path, status: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise UserError(
            f"{path}: is {_kind(status.st_mode)}, not a file. Save its content to a file and name that file."
        )
    if status.st_size > limit:
        raise _too_large(path, limit)


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _too_large(path: Path, limit: int) -> UserError:
    return UserError(
        f"{path}: is larger than {limit // (1024 * 1024)} MiB, the limit for such files. Is it the right file?"
    )
