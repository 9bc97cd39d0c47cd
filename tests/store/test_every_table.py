"""verify, repair and merge know every table and column of the schema: a migration that forgets one of them fails here."""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtui.store import expected_schema, judges, merging, open_store, repairing, row_rules, verifying
from qtui.store.schema import MIGRATIONS
from tests.store import every_table

COMMENTED = re.compile(r"^ *(?:ALTER TABLE \w+ ADD COLUMN )?(\w+) TEXT\b.*?-- *(.*)$", re.MULTILINE)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "s.sqlite"
    every_table.fill(path)
    return path


def contents(path: Path) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return the rows of every table without ids, references, and what is made of ids."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: Counter(_rows(connection, table)) for name, table in expected_schema.tables().items()}


def _rows(connection: sqlite3.Connection, table: expected_schema.Table) -> list[tuple[Any, ...]]:
    left_out = {"id", *(column for column, _ in table.parents)}
    human_key = "iif(judge = 'human', 'of a person', key)" if table.name == "grade" else "key"
    names = [
        human_key if column.name == "key" else column.name for column in table.columns if column.name not in left_out
    ]
    return connection.execute(f"SELECT {', '.join(names) or '1'} FROM {table.name}").fetchall()


def test_the_store_has_rows_in_every_table(filled: Path) -> None:
    assert [name for name, rows in contents(filled).items() if not rows] == []


def test_every_table_is_verified(filled: Path) -> None:
    found = verifying.verify(filled)
    assert [str(problem) for problem in found.problems] == []
    assert found.rows == {name: rows.total() for name, rows in contents(filled).items()}


def test_every_key_is_computed_again_or_said_to_be_unproven(filled: Path) -> None:
    found = verifying.verify(filled)
    of_tables = {
        table.name.removeprefix("outdated_") for table in expected_schema.tables().values() if ("key",) in table.uniques
    }
    assert of_tables <= {*found.keys, *found.unproven}


def test_every_table_is_merged_whole_and_once(filled: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.sqlite"
    merging.merge(filled, target)
    merged, source = contents(target), contents(filled)
    assert set(merging.LEFT) <= set(source)
    for name, rows in source.items():
        assert merged[name] == (Counter() if name in merging.LEFT else rows), name
    assert verifying.verify(target).is_whole
    assert not +merging.merge(filled, target).added
    assert contents(target) == merged


def test_every_table_is_saved_whole_by_a_repair(filled: Path, tmp_path: Path) -> None:
    done = repairing.repair(filled, tmp_path / "new.sqlite")
    assert done.is_complete
    assert contents(tmp_path / "new.sqlite") == contents(filled)
    assert verifying.verify(tmp_path / "new.sqlite").is_whole


def test_columns_whose_comment_says_json_are_read_as_json() -> None:
    found = {name for name, comment in COMMENTED.findall("\n".join(MIGRATIONS)) if comment.startswith("JSON")}
    assert found
    assert found <= {column for _, column in row_rules.JSON_COLUMNS}


def test_rules_are_of_columns_that_exist() -> None:
    columns = {(table.name, column.name) for table in expected_schema.tables().values() for column in table.columns}
    assert set(row_rules.JSON_COLUMNS) | set(repairing.SUBSTITUTES) <= columns


def test_a_judge_that_may_have_stopped_early_in_one_store_may_have_in_the_merged_one(
    filled: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target.sqlite"
    merging.merge(filled, target)
    with closing(open_store(filled)) as store:
        [judge] = [each for each in judges.of_run(store, 1) if each.is_pairwise]
        judges.set_may_stop_early(store, judge)
    merging.merge(filled, target)
    with closing(open_store(target)) as store:
        assert [each.label for each in judges.that_may_stop_early(store, [1])] == [judge.label]
