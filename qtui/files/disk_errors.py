"""What the disk or a limit of the system refuses, as a sentence for a user."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtui import paths

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_LIMITS = {
    errno.EMFILE: "Too many files are open for the limit of this process (`ulimit -n`). Raise it, for instance `ulimit -n 1024`",
    errno.ENFILE: "Too many files are open on this machine. Close programs, or raise the limit fs.file-max",
    errno.EFBIG: "reached the limit on the size of a file (`ulimit -f`). Raise it: `ulimit -f unlimited`",
}

_FILES_OF_A_STORE = 4
"""The database, its journal, the index of that, and the folder."""


def is_refusal(error: OSError) -> bool:
    """Whether the disk or a limit refused something: no space, no permission, too many files. Not whether a file is missing."""
    return error.errno in (*_NO_SPACE, *_FORBIDDEN, *_LIMITS)


def is_of_disk(error: OSError) -> bool:
    """Whether an error is one that `describe` has words for.

    What a disk or limit refuses is one also without a file's name, because a write names none; of any other, only the name helps.
    """
    return bool(error.filename) or is_refusal(error) or _is_without_temporary_folder(error)


def limit(error: OSError) -> str:
    """Return the sentence about a limit of the process or machine; empty if it is none."""
    words = _LIMITS.get(error.errno or 0, "")
    if error.errno != errno.EFBIG:
        return words
    return f"{error.filename or 'A file'} {words}"


def shortage_of_files() -> str:
    """Return the sentence about the limit on open files if no store could be opened for it; empty if it could.

    SQLite says only that a file cannot be opened, and not why.
    """
    opened: list[int] = []
    try:
        for _ in range(_FILES_OF_A_STORE):
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - those before the error are closed
    except OSError as error:
        return limit(error)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return ""


def describe(error: OSError) -> str:
    """Return what happened to which file, and what to do."""
    where = str(error.filename) if error.filename else "a file"
    reason = error.strerror or str(error)
    if words := limit(error):
        return words
    if _is_without_temporary_folder(error):
        return (
            f"no folder for temporary files can be written ({reason}). Free some space, or name a folder with TMPDIR=…"
        )
    if error.errno in _NO_SPACE:
        return f"{where}: the disk is full ({reason}). Free some space, or {_elsewhere(error)}"
    if error.errno in _FORBIDDEN:
        return f"{where}: cannot be used ({reason}). Correct its permissions, or {_elsewhere(error)}"
    return f"{where}: {reason}"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have what the disk refuses in this block name a file: an error of a write names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None and is_of_disk(error):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _is_without_temporary_folder(error: OSError) -> bool:
    """Whether this is Python's error that no folder for temporary files can be written; its errno says that a file is missing."""
    return error.errno == errno.ENOENT and not error.filename and "temporary directory" in (error.strerror or "")


def _elsewhere(error: OSError) -> str:
    """How the file is put into another folder: by the variables that name the folder it is in, or is to hold."""
    if not error.filename:
        return "name other folders with TMPDIR=… and XDG_CACHE_HOME=…"
    path = Path(os.path.normpath(Path(os.fsdecode(error.filename)).absolute()))
    own = _own_folders()
    variables = [name for name, folder in own if path.is_relative_to(folder)]
    variables = variables or [name for name, folder in own if folder.is_relative_to(path)]
    if not variables and any(path.is_relative_to(folder) for folder in (os.environ.get("TMPDIR") or "/tmp", "/tmp")):
        variables = ["TMPDIR"]
    if not variables:
        return "name another folder"
    many = "other folders" if len(variables) > 1 else "another folder"
    return f"name {many} with {' and '.join(f'{name}=…' for name in variables)}"


def _own_folders() -> list[tuple[str, Path]]:
    """The variables that name folders of qtui and of the hub's files, each with its folder."""
    return [
        ("XDG_CACHE_HOME", paths.cache()),
        ("XDG_STATE_HOME", paths.logs().parent),
        ("XDG_DATA_HOME", paths.user_data()),
        ("XDG_CONFIG_HOME", paths.user_config()),
        ("HF_HOME", Path(os.environ.get("HF_HOME") or paths.cache().parent / "huggingface")),
    ]
