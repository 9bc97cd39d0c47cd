"""Statements on a store, with every error of SQLite raised as StoreError."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self, cast

from qtui.store import errors


class _Connection(Protocol):
    path: Path


class StoreCursor(sqlite3.Cursor):
    """The rows of one statement. Raises StoreError if SQLite rejects the statement or fails while reading the rows."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)
        except (OverflowError, UnicodeEncodeError) as error:
            raise errors.UnstorableError(error, self._path) from error

    def executemany(self, sql: str, seq_of_parameters: Any, /) -> Self:
        try:
            return super().executemany(sql, seq_of_parameters)
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)
        except (OverflowError, UnicodeEncodeError) as error:
            raise errors.UnstorableError(error, self._path) from error

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a cursor returns itself, which reads row by row
        """Iterate over all rows, read at once, so that a loop over them cannot fail half-way."""
        return iter(self.fetchall())

    @property
    def _path(self) -> Path:
        return cast(_Connection, self.connection).path
