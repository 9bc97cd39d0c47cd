"""The errors that the store raises, all subclasses of `StoreError`, which so covers every failure of SQLite or the disk.

Errors of SQLite that are defects of qtui (a wrong number of parameters, a closed connection) are not translated: they keep their
type and their traceback.
"""

import shlex
import sqlite3
from pathlib import Path
from typing import NoReturn

from qtui.errors import UserError
from qtui.files import disk_errors

_CANNOT_GROW = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE)
"""Result codes of a file that cannot grow (a quota, a file size limit): SQLite has a special code only for a full disk."""
_PRIMARY = 0xFF
"""The bits of a result code without its extension."""
_OF_DAMAGE = (
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_FORMAT,
)  # fmt: skip
"""Result codes that damage may have: SQLite reports a missing table or JSON that is none as an error of the statement."""
SQLITE = (sqlite3.Error, UnicodeDecodeError)
"""What a statement on a damaged store may raise: Python cannot decode a message of SQLite that quotes what is damaged."""
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


class StoreDamagedError(StoreError):
    """A part of the store is not as qtui wrote it. `what` names it: a table and a row, or what SQLite says."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path}: the store is damaged ({what}). What is whole can still be read; `qtui repair {shlex.quote(str(path))}` saves"
            " it into a new store."
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


def raise_translated(error: Exception, path: Path) -> NoReturn:
    """Raise the StoreError for an error of SQLite, or the error itself if it is a defect of qtui.

    `qtui.store.damage` names the damage of a store, for those errors that may come from it.
    """
    translated = translate(error, path)
    if translated is None:
        raise error
    raise translated from error


def translate(error: Exception, path: Path) -> StoreError | None:
    """Return the StoreError for an error of SQLite, or None if that error is a defect of qtui."""
    if isinstance(error, _DEFECTS):
        return None
    if isinstance(error, UnicodeDecodeError):
        return StoreDamagedError(path, "SQLite's message about it is no text")
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
        if shortage := disk_errors.shortage_of_files():
            return StoreError(f"{path}: cannot be opened. {shortage}.")
        return StoreError(f"{path}: cannot be opened ({error}). Check its permissions and those of its folder.")
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{path}: is not a store (not an SQLite file). Name another with --store FILE.")
    if primary == sqlite3.SQLITE_CORRUPT:
        return StoreDamagedError(path, f"SQLite: {error}")
    return StoreError(f"{path}: {error}. What was written is safe; try again.")


def may_be_damage(error: Exception) -> bool:
    """Return whether damage may have caused an error of SQLite, so that looking through the store is worth its time."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY in _OF_DAMAGE
