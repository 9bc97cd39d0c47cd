"""Stores that the code of each landed schema made itself (`make_landed`) open, keep all that they had, and are read by commands.

Schemas 11 and 12 have none: no commit had them. Branches of those days had other tables under these numbers, and came together as
schema 13, which has one.
"""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qtui.cli import cli
from qtui.store import open_store, verifying
from qtui.store.schema import MIGRATIONS

FILES = {
    int(file.name.split(".")[0].removeprefix("schema-")): file
    for file in Path(__file__).with_name("stores").glob("schema-*.sqlite.gz")
}
NEVER_MADE = {11, 12}
WITH_THOUGHTS = "thinker"
"""The model whose grades a migration sets aside: they were given to text with thoughts in it."""
COMMANDS = (
    ("verify",),
    ("runs", "--json"),
    ("lengths", "--json"),
    ("compare", "1", "--json"),
    ("export", "answers"),
    ("export", "grades"),
    ("export", "scores"),
)


@pytest.fixture(params=sorted(FILES))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    """A store as the code of that schema left it, and the schema's version."""
    version: int = request.param
    path = tmp_path / "s.sqlite"
    path.write_bytes(gzip.decompress(FILES[version].read_bytes()))
    return path, version


def test_each_schema_that_landed_has_a_store() -> None:
    assert set(range(1, max(FILES) + 1)) - NEVER_MADE == set(FILES)


def test_it_is_saved_first_upgraded_and_keeps_answers_and_grades_by_their_keys(made: tuple[Path, int]) -> None:
    path, version = made
    before = contents(path)
    assert verifying.verify(path).is_whole
    open_store(path).close()
    saved = path.with_name(f"s.sqlite.backup-v{version}")
    assert (contents(saved), verifying.verify(saved).version) == (before, version)
    assert contents(path) == before
    found = verifying.verify(path)
    assert (found.is_whole, found.version) == (True, len(MIGRATIONS))


def test_commands_read_it_and_show_the_same_means(made: tuple[Path, int]) -> None:
    path, version = made
    for command in COMMANDS:
        assert output(path, *command)
    expected = json.loads(FILES[version].with_name(f"schema-{version}.json").read_text(encoding="utf-8"))
    shown = {tuple(pair) for pair in means(json.loads(output(path, "scores", "--json")))}
    kept = {tuple(pair) for pair in expected["means"] if pair[1] != WITH_THOUGHTS or version >= 8}
    assert kept
    assert kept <= shown


def output(path: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, [*arguments, "--store", str(path)])
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


def means(scores: dict[str, Any]) -> list[list[Any]]:
    """Return what `qtui scores --json` of any version says of each pair under a judge."""
    names = ("run", "model", "candidate", "judge", "n", "baseline_mean", "candidate_mean")
    return [[pair[name] for name in names] for pair in scores["pairs"] if pair["judge"]]


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all texts by the key of their answer, and all grades by their key, those that were set aside among them."""
    with closing(sqlite3.connect(path)) as store:
        columns = {row[1] for row in store.execute("PRAGMA table_info(answer)")}
        tables = {row[0] for row in store.execute("SELECT name FROM sqlite_master")}
        text = "coalesce(whole, text)" if "whole" in columns else "text"
        grades = [name for name in ("grade", "outdated_grade") if name in tables]
        return {
            "answers": store.execute(f"SELECT key, {text} FROM answer ORDER BY key").fetchall(),
            "grades": sorted(row for name in grades for row in store.execute(f"SELECT key, grade FROM {name}")),
            "notes": store.execute("SELECT * FROM note").fetchall(),
        }


def test_it_is_upgraded_while_another_process_reads_it(made: tuple[Path, int]) -> None:
    path, _ = made
    before = contents(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchone()
        open_store(path).close()
        assert reader.execute("SELECT count(*) FROM run").fetchone()[0] > 0, (
            "it goes on reading what it had begun to read"
        )
        reader.execute("COMMIT")
        assert reader.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert contents(path) == before
