"""Copies of a store that is in use: whole and of one moment, whoever writes meanwhile. SQLite's own backup makes them.

A copy appears under its name only when it is whole and on the disk; it can be read by its owner alone.
"""

import contextlib
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from qtui.errors import NO_SPACE, words_of
from qtui.files import private_files
from qtui.store import errors
from qtui.store.errors import NoSpaceError, StoreError

PAGES_AT_ONCE = 1000
BUSY_SECONDS = 30.0


def save_before_migration(path: Path, version: int) -> Path:
    """Copy a store before its tables are changed, to `STORE.backup-vN`, with a number if that is taken. Return the copy's path.

    Raises StoreError, and leaves nothing, if there is no room for the copy or its folder cannot be written.
    """
    real = path.resolve()
    target = real.with_name(f"{real.name}.backup-v{version}")
    number = 1
    while target.exists():
        number += 1
        target = real.with_name(f"{real.name}.backup-v{version}-{number}")
    try:
        save(path, target)
    except StoreError as error:
        raise StoreError(
            f"{path}: has the tables of an older qtui, and could not be saved before they are upgraded ({error}). It is unchanged."
        ) from error
    return target


def save(source: Path | sqlite3.Connection, target: Path, *, replaces: bool = False) -> None:
    """Copy a store to `target`, which must not exist unless `replaces` is true. Other processes may write the store meanwhile.

    Raises StoreError: no room, a folder that cannot be written, a damaged store, a file that exists.
    """
    part = _new_file_beside(target)
    try:
        if isinstance(source, Path):
            with closing(_reader(source)) as reader:
                _copy(reader, part, target)
        else:
            _copy(source, part, target)
        put_in_place(part, target, replaces=replaces)
    finally:
        for leftover in (part, *(part.with_name(part.name + suffix) for suffix in ("-journal", "-wal", "-shm"))):
            leftover.unlink(missing_ok=True)


def _new_file_beside(target: Path) -> Path:
    try:
        private_files.private_folder(target.parent)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _in_words(error, target) from error
    os.close(descriptor)
    return Path(name)


def _reader(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        errors.raise_translated(error, path)


def _copy(reader: sqlite3.Connection, part: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(part, timeout=BUSY_SECONDS)) as copy:
            # All pages in one step: a copy in several steps begins again whenever another process writes.
            reader.backup(copy, pages=-1)
            # The copy has the journal mode of the store; without a log of its own it is one file.
            copy.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as file:
            os.fsync(file.fileno())
    except sqlite3.Error as error:
        errors.raise_translated(error, target)
    except OSError as error:
        raise _in_words(error, target) from error


def put_in_place(part: Path, target: Path, *, replaces: bool = False) -> None:
    """Give a whole copy its name, durably. Raises StoreError if it is taken and `replaces` is false."""
    try:
        if replaces:
            part.replace(target)
        else:
            _link(part, target)
        folder = os.open(target.parent, os.O_RDONLY)
        with contextlib.suppress(OSError):
            os.fsync(folder)
        os.close(folder)
    except FileExistsError:
        raise StoreError(f"{target}: exists already. Name another file, or replace it with --force.") from None
    except OSError as error:
        raise _in_words(error, target) from error


def _link(part: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError if the name is taken, which a rename would not."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError from None
        part.rename(target)


def _in_words(error: OSError, target: Path) -> StoreError:
    if error.errno in NO_SPACE:
        return NoSpaceError(target)
    return StoreError(f"{target}: cannot be written: {words_of(error)}")
