"""All SQL of the program is in `qtui/store/`: nothing else writes a statement, runs one, or knows SQLite."""

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
