"""A store as an older qtui left it: the rows of `filled_store` under the schema of its time."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from qtui.store import thoughts
from qtui.store.schema import APPLICATION_ID, MIGRATIONS
from tests.filled_store import fill


def fill_old(path: Path, migrations: int, grade_of: Mapping[str, Sequence[int | None]] | None = None) -> int:
    """The id of the run; the file has seen the first `migrations` migrations alone."""
    newest = path.with_suffix(".newest")
    run_id = fill(newest, grade_of=grade_of)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        thoughts.add_functions(old)
        for script in MIGRATIONS[:migrations]:
            old.executescript(script)
        old.execute(f"PRAGMA user_version = {migrations}")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("ATTACH ? AS newest", (str(newest),))
        for (table,) in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newest.{table}")
    return run_id
