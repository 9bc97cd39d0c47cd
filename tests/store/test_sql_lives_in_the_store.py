"""All SQL of the program is in `qtui/store/`: nothing else writes a statement, runs one, or knows SQLite.

Tests build their stores by `tests/stores.py`, and few of them have a reason for SQL.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import qtui

PACKAGE = Path(qtui.__file__).parent
STATEMENT = re.compile(
    r"\s*(SELECT\s|INSERT\s+(OR\s|INTO\s)|REPLACE\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+.*\sAS\s*\(|PRAGMA\s"
    r"|(CREATE|DROP|ALTER)\s+(TEMP\w*\s|UNIQUE\s|TABLE\s|INDEX\s|VIEW\s|TRIGGER\s)|BEGIN\s+(IMMEDIATE|EXCLUSIVE|DEFERRED))"
)
CALLS = ("execute", "executemany", "executescript")
TESTS = Path(__file__).parents[1]
TESTS_WITH_SQL = {
    "cli/test_quantization_job.py": "makes a store that cannot be written",
    "files/test_private_files.py": "writes, and holds the lock of, a store beside the program",
    "runner/full_disk.py": "runs where the disk is full, and compares the ids and times of rows",
    "runner/test_attach.py": "looks for answers that no run refers to, which the store does not list",
    "runner/test_divergence.py": "compares the ids and times of rows, which show that nothing was measured again",
    "runner/test_echoed_secrets.py": "takes what an older qtui wrote out of the bytes of the file",
    "runner/test_survival.py": "compares the ids and times of rows, which show that nothing was answered again",
    "terminal/hostile_store.py": "makes every text of a store hostile, by its schema",
    "stores.py": "builds stores: what no function of the store writes is there and nowhere else",
    "test_variant_facts.py": "writes the facts of another version",
    "torture/aftermath.py": "compares the ids and times of all rows, and asks SQLite whether the file is whole",
    "ui/data/test_reader.py": "reads with statements that fail, or do not end",
    "ui/test_main_screen.py": "damages a store",
}
"""Tests outside `tests/store/` that may have SQL, and why."""


def breaches(source: str) -> list[tuple[int, str]]:
    """(line, what is there) of every piece of SQL in a module's source."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return sorted(found for node in ast.walk(tree) if id(node) not in docstrings for found in _breaches_of(node))


def _breaches_of(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
        yield node.lineno, f"a statement: {' '.join(node.value.split())[:40]}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
        yield node.lineno, f"a call of .{node.func.attr}"
    if isinstance(node, ast.Import) and any(name.name.split(".")[0] == "sqlite3" for name in node.names):
        yield node.lineno, "an import of sqlite3"
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlite3":
        yield node.lineno, "an import of sqlite3"


def test_no_module_outside_the_store_has_sql() -> None:
    modules = [file for file in sorted(PACKAGE.rglob("*.py")) if "store" not in file.relative_to(PACKAGE).parts[:1]]
    assert len(modules) > 100
    found = [
        f"qtui/{file.relative_to(PACKAGE)}:{line}: {what}"
        for file in modules
        for line, what in breaches(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_tests_build_their_stores_without_sql() -> None:
    files = [file for file in sorted(TESTS.rglob("*.py")) if file.relative_to(TESTS).parts[0] != "store"]
    assert len(files) > 100
    found = {
        file.relative_to(TESTS).as_posix(): lines
        for file in files
        if (lines := breaches(file.read_text(encoding="utf-8")))
    }
    assert {name: lines for name, lines in found.items() if name not in TESTS_WITH_SQL} == {}, "tests/stores.py builds"
    assert [name for name in TESTS_WITH_SQL if name not in found] == [], "these need no exception any more"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import sqlite3", 1),
        ("def f():\n    from sqlite3 import Error", 2),
        ("store.execute(question)", 1),
        ("\nstore.executemany(question, rows)", 2),
        ("QUESTION = (\n    'SELECT 1 FROM run'\n)", 2),
        ("question = f'UPDATE run SET state = {state}'", 1),
        ("question = '''\n  DELETE FROM grade'''", 1),
        ("question = 'PRAGMA data_version'", 1),
    ],
)
def test_sql_is_recognised_with_its_line(source: str, line: int) -> None:
    assert [each[0] for each in breaches(source)] == [line]


@pytest.mark.parametrize(
    "source",
    ["'''SELECT is a word of SQL.'''", "ALLOW_SELECT = False", "text = 'Update the list'", "execute(store, 1)"],
)
def test_what_only_looks_like_sql_is_left_alone(source: str) -> None:
    assert breaches(source) == []
