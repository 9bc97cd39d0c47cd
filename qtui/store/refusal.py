"""What SQLite refuses, in a user's words: a full disk, a store that cannot be written, a damaged file."""

import sqlite3
from pathlib import Path

from qtui.errors import NoSpaceError, UserError

_CANNOT_GROW = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE)
"""A quota or a limit on file sizes, among rarer things: SQLite knows only a full disk by its name."""
_PRIMARY = 0xFF


def of(error: sqlite3.Error, path: Path) -> UserError | None:
    """The refusal as an error of a user, or None where it is none (a lock that was held too long, a defect)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & _PRIMARY == sqlite3.SQLITE_FULL:
        return NoSpaceError(path)
    if code in _CANNOT_GROW:
        return NoSpaceError(path, "no more can be written (a quota, a limit on file sizes, or the disk itself)")
    if code & _PRIMARY == sqlite3.SQLITE_READONLY:
        return unwritable(path)
    return None


def at_opening(error: sqlite3.DatabaseError, path: Path) -> UserError:
    """Why a store could not be opened."""
    return of(error, path) or UserError(f"{path}: {_explain(error)}")


def unwritable(path: Path) -> UserError:
    return UserError(
        f"{path}: can be read but not written (its permissions, or those of its folder or disk). To go on with it,"
        " copy it to a folder of your own and name the copy with --store FILE."
    )


def _explain(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "not a database" in text:
        return "is not a store (not an SQLite file). Name another with --store FILE."
    if "malformed" in text:
        return "is damaged. Copy it aside and try `sqlite3 FILE .recover`; a new store is made with --store OTHER."
    if "unable to open" in text:
        return f"cannot be opened ({text}). Check its permissions and those of its folder."
    return text
