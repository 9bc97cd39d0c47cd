"""What holds for the tests themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent

PRIVATE_ELSEWHERE = {
    "_notifications": "Textual gives no public list of the notices in view",
    "_compositor": "Textual gives no public text of a screen",
    "_exit": "os._exit is public, and ends a process without a chance to flush",
}
"""Private names of other libraries, and why tests cannot do without them."""


def _private_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each private name of something else than the object at hand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            holder = node.value.id if isinstance(node.value, ast.Name) else ""
            if holder not in ("self", "cls"):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, part) for name in node.names for part in name.name.split("."))
            yield from ((node.lineno, part) for part in (node.module or "").split("."))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in ("setattr", "getattr", "delattr", "hasattr"):
                texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                yield from ((node.lineno, part) for text in texts for part in str(text).split("."))


def _own_privates(tree: ast.AST) -> set[str]:
    """The private names that a test file defines for its own classes."""
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    kept = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return names | kept


def test_tests_touch_no_private_names() -> None:
    touched = []
    for path in sorted(TESTS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        allowed = PRIVATE_ELSEWHERE.keys() | _own_privates(tree)
        touched += [
            f"{path.relative_to(TESTS)}:{line}: {name}"
            for line, name in _private_names(tree)
            if name.startswith("_") and not name.startswith("__") and name not in allowed
        ]
    assert touched == [], "\n".join(touched)
