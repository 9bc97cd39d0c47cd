"""Statements on a store, with every error of SQLite raised as StoreError, and with rows of the types that their columns have.

SQLite keeps any value in any column. A value of another type than its column has is damage, and is named with its table and row.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self, cast

from qtui.store import damage, errors, row_rules
from qtui.store.errors import StoreDamagedError


class _Connection(Protocol):
    path: Path


class StoreCursor(sqlite3.Cursor):
    """The rows of one statement. Raises StoreError if SQLite rejects the statement or fails while reading the rows."""

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        try:
            return super().execute(sql, parameters)
        except (OverflowError, UnicodeEncodeError) as error:
            raise errors.UnstorableError(error, self._path) from error
        except errors.SQLITE as error:
            self._refuse(error)

    def executemany(self, sql: str, seq_of_parameters: Any, /) -> Self:
        try:
            return super().executemany(sql, seq_of_parameters)
        except (OverflowError, UnicodeEncodeError) as error:
            raise errors.UnstorableError(error, self._path) from error
        except errors.SQLITE as error:
            self._refuse(error)

    def fetchone(self) -> Any:
        try:
            row = super().fetchone()
            if row is not None:
                self._check([row])
            return row
        except errors.SQLITE as error:
            self._refuse(error)

    def fetchall(self) -> list[Any]:
        try:
            rows = super().fetchall()
            self._check(rows)
            return rows
        except errors.SQLITE as error:
            self._refuse(error)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a cursor returns itself, which reads row by row
        """Iterate over all rows, read at once, so that a loop over them cannot fail half-way."""
        return iter(self.fetchall())

    def _check(self, rows: Sequence[Any]) -> None:
        """Raise StoreDamagedError if a value has another type than every column of its name."""
        names = tuple(each[0] for each in self.description or ())
        for types in {tuple(map(type, row)) for row in rows} - _FITTING.get(names, frozenset()):
            wrong = [name for name, type_ in zip(names, types, strict=True) if type_ not in _types_of(name)]
            if wrong and (what := damage.first(self._path, wrong)):
                raise StoreDamagedError(self._path, what)
            _FITTING[names] = _FITTING.get(names, frozenset()) | {types}

    def _refuse(self, error: Exception) -> NoReturn:
        """Raise what an error of SQLite means: damage, if it may be damage and some is found."""
        is_suspect = errors.may_be_damage(error) and errors.translate(error, self._path) is not None
        if is_suspect and (what := damage.first(self._path)):
            # What a statement misses says more than what the schema has instead of it.
            what = str(error) if str(error).startswith("no such") else what
            raise StoreDamagedError(self._path, what) from error
        errors.raise_translated(error, self._path)

    @property
    def _path(self) -> Path:
        return cast(_Connection, self.connection).path


_FITTING: dict[tuple[str, ...], frozenset[tuple[type, ...]]] = {}
"""By the columns of a statement: the types of rows that were found right."""


@lru_cache(maxsize=1)
def _known_types() -> dict[str, frozenset[type]]:
    return row_rules.types_by_column()


def _types_of(name: str) -> frozenset[type]:
    return _known_types().get(name, _ANY)


_ANY: frozenset[type] = frozenset((int, float, str, bytes, type(None)))
