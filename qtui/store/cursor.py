"""Statements on a store: what SQLite refuses is raised as an error of the store, whichever call meets it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self, cast

from qtui.store import errors


class _Connection(Protocol):
    path: Path


class StoreCursor(sqlite3.Cursor):
    """The rows of one statement. Raises StoreError where SQLite refuses the statement, or fails while it reads the rows."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)

    def executemany(self, sql: str, seq_of_parameters: Any, /) -> Self:
        try:
            return super().executemany(sql, seq_of_parameters)
        except sqlite3.Error as error:
            errors.raise_translated(error, self._path)

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
        """All rows are read at once, so that a loop over them cannot fail half-way."""
        return iter(self.fetchall())

    @property
    def _path(self) -> Path:
        return cast(_Connection, self.connection).path
