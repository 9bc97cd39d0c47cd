"""Tables in a library's source, read without importing the library, which takes seconds."""

import ast
import re
from pathlib import Path


def assigned_value(file: Path, name: str) -> ast.expr | None:
    """Return the value that a module assigns to `name` at its top level; None if the file cannot be read or has no such name."""
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return _found(_statement(source, name), name) or _found(source, name)


def _statement(source: str, name: str) -> str:
    """The lines of an assignment over several lines, as formatters write it: to parse a whole module takes ten times as long."""
    lines = re.search(rf"^{re.escape(name)}\b[^=\n]*=.*?^[)\]}}]+$", source, re.MULTILINE | re.DOTALL)
    return lines[0] if lines else ""


def _found(source: str, name: str) -> ast.expr | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            return node.value
    return None
