"""The rows that say what a run is: few, read at every look at the runs, and checked whole each time.

What is wrong with one of them would fail far from here, in a pane or a figure.
"""

from collections.abc import Sequence

from qtui.store import expected_schema, row_rules
from qtui.store.connection import Store
from qtui.store.damage import Broken
from qtui.store.errors import StoreDamagedError

TABLES = ("run", "lease", "attempt", "variant", "judge", "scorer", "batch")


def check(store: Store, run_ids: Sequence[int] | None = None) -> None:
    """Raise StoreDamagedError if one of these rows of the runs (None is all) is damaged."""
    for name in TABLES:
        table = expected_schema.columns_of(store, name)
        column = "id" if name == "run" else "run_id"
        where = "" if run_ids is None else f"WHERE {column} IN ({','.join('?' * len(run_ids))})"
        for row in store.execute(f"SELECT * FROM {name} {where}", tuple(run_ids or ())):
            values = row_rules.as_mapping(row)
            if wrong := tuple(row_rules.broken(table, values)):
                raise StoreDamagedError(store.path, str(Broken(row_rules.label(table, values), wrong)))


def where_in(column: str, run_ids: Sequence[int] | None) -> tuple[str, tuple[int, ...]]:
    """Return a WHERE clause for rows whose column is one of `run_ids`, and its parameters; empty for None, which means all runs."""
    if run_ids is None:
        return "", ()
    return f"WHERE {column} IN ({','.join('?' * len(run_ids))})", tuple(run_ids)
