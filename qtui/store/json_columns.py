"""Columns that hold JSON, decoded by one function: JSON that is none, or has another form, is damage with its table and row."""

from typing import Any

from qtui.store import damage, row_rules
from qtui.store.connection import Store
from qtui.store.errors import StoreDamagedError


def value(store: Store, table: str, column: str, text: str) -> Any:
    """Return the value of a JSON column, of the type that `row_rules.JSON_COLUMNS` has for it. Raises StoreDamagedError."""
    try:
        return row_rules.decode(text, row_rules.JSON_COLUMNS[table, column])
    except ValueError as error:
        what = damage.first(store.path, [column]) or f"table {table}: {column} is {error}"
        raise StoreDamagedError(store.path, what) from None
