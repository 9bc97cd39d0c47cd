"""Every test that docs/reliability.md names exists, and every promise there names one."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def named_tests(text: str) -> list[tuple[str, str]]:
    """The tests that a text names, as (path below tests/, function)."""
    return _NAMED.findall(text)


def functions(file: Path) -> set[str]:
    """The names of a file's functions; none of a file that is not there."""
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named = named_tests(PAGE.read_text(encoding="utf-8"))
    assert [f"{path}::{name}" for path, name in named if name not in functions(TESTS / path)] == []


def test_every_promise_names_its_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    promises = [row for row in rows if not row.startswith(("| promise |", "|---"))]
    assert promises
    assert [row for row in promises if not named_tests(row.rpartition(" | ")[2])] == []


def test_a_name_that_does_not_exist_is_found() -> None:
    [(path, name)] = named_tests("| nothing | `test_reliability.py::test_of_which_nobody_knows` |")
    assert name not in functions(TESTS / path)
    assert "test_a_name_that_does_not_exist_is_found" in functions(TESTS / path)
