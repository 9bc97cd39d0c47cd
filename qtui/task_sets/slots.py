"""Templates of prompts: texts with slots such as {question} or {answers.text}, which are filled in one pass.

`{{` and `}}` are braces. Text from a row is never searched for slots, so braces in a question stay as they are.
"""

import re
from collections.abc import Callable

_PART = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


def form_problem(template: str) -> str:
    """What is wrong with a template's braces; empty if nothing."""
    for part in _PART.finditer(template):
        if part[0] in "{}":
            return f"a single {part[0]} is no slot: write {part[0] * 2} for a brace."
        if part[1] is not None and not part[1].strip():
            return "{} names no column: write {{}} for braces."
    return ""


def names(template: str) -> list[str]:
    """The names of the slots in their order, without repeats."""
    return list(dict.fromkeys(part[1] for part in _PART.finditer(template) if part[1] is not None))


def fill(template: str, value: Callable[[str], str]) -> str:
    """The template with `value(name)` in each slot."""

    def text(part: re.Match[str]) -> str:
        return part[0][0] if part[1] is None else value(part[1])

    return _PART.sub(text, template)
