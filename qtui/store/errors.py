"""The errors that the store raises, all subclasses of `StoreError`, which so covers every failure of SQLite or the disk.

Errors of SQLite that are defects of qtui (a wrong number of parameters, a closed connection) are not translated: they keep their
type and their traceback.
"""

import sqlite3
from pathlib import Path
from typing import NoReturn

from qtui.errors import UserError

_CANNOT_GROW = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE)
"""Result codes of a file that cannot grow (a quota, a file size limit): SQLite has a special code only for a full disk."""
_PRIMARY = 0xFF
"""The bits of a result code without its extension."""
_DAMAGE = {
    sqlite3.SQLITE_NOTADB: "is not a store (not an SQLite file). Name another with --store FILE.",
    sqlite3.SQLITE_CORRUPT: (
        "is damaged. Make a copy and try `sqlite3 FILE .recover`, or start a new store with --store OTHER."
    ),
}
_LONGEST_SHOWN = 80
_DEFECTS = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.InternalError,
    sqlite3.NotSupportedError,
)


class StoreError(UserError):
    """The store cannot be opened, read or changed. Its text names the file and says what to do."""


class NoSpaceError(StoreError):
    """A file could not grow. Earlier content is intact, so the same command resumes once there is space."""

    def __init__(self, path: Path, how: str = "no space left") -> None:
        super().__init__(
            f"{how} on {path.parent} (for {path.name}): free some space and run the same command again; finished work is kept"
        )


class UnwritableError(StoreError):
    """The store can be read but not written, because of its permissions or those of its folder or disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}: can be read but not written (check the permissions of the file, its folder and its disk). To continue with"
            " it, copy it to a folder of your own and open the copy with --store FILE."
        )


class StoreBusyError(StoreError):
    """Another process kept its lock on the store for longer than a statement waits."""


class StoreConflictError(StoreError):
    """A change contradicts existing rows: another process deleted a row it refers to, or qtui has a defect."""


class UnstorableError(StoreError):
    """A value that no store can hold: a whole number beyond 64 bits, or a name of a file that is not UTF-8."""

    def __init__(self, error: OverflowError | UnicodeEncodeError, path: Path) -> None:
        if isinstance(error, UnicodeEncodeError):
            shown = error.object[:_LONGEST_SHOWN].encode(errors="backslashreplace").decode()
            what = f'"{shown}" is not UTF-8; rename the file or folder, or correct the text'
        else:
            what = "a whole number is beyond 64 bits, such as the number of a run"
        super().__init__(f"{path}: cannot hold what it was given: {what}.")


class LeaseHeldError(StoreError):
    """Another living process is the runner of the run. `holder` names it: `pid 812 on gpu-2`."""

    def __init__(self, run_id: int, holder: str) -> None:
        super().__init__(f"Run {run_id} is already running ({holder}).")


def raise_translated(error: sqlite3.Error, path: Path) -> NoReturn:
    """Raise the StoreError for an error of SQLite, or the error itself if it is a defect of qtui."""
    translated = translate(error, path)
    if translated is None:
        raise error
    raise translated from error


def translate(error: sqlite3.Error, path: Path) -> StoreError | None:
    """Return the StoreError for an error of SQLite, or None if that error is a defect of qtui."""
    if isinstance(error, _DEFECTS):
        return None
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & _PRIMARY
    if primary == sqlite3.SQLITE_FULL:
        return NoSpaceError(path)
    if code in _CANNOT_GROW:
        return NoSpaceError(path, "cannot write more data (a quota, a file size limit, or a disk error)")
    if primary == sqlite3.SQLITE_READONLY:
        return UnwritableError(path)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError(f"{path}: {error} (by another process). What was written is safe; try again.")
    if isinstance(error, sqlite3.IntegrityError):
        return StoreConflictError(f"{path}: {error}")
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StoreError(f"{path}: cannot be opened ({error}). Check its permissions and those of its folder.")
    return StoreError(f"{path}: {_DAMAGE.get(primary, f'{error}. What was written is safe; try again.')}")
