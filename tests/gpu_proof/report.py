"""The results as a table for docs/performance.md."""

from collections.abc import Iterator
from typing import Any


def table(results: dict[str, Any]) -> str:
    """Markdown, a row per figure."""
    lines = ["| step | figure | value |", "|---|---|---|"]
    for name, result in results.items():
        for figure, value in _flat({key: value for key, value in result.items() if key not in ("ok", "log", "table")}):
            lines.append(f"| {name} | {figure} | {str(value).replace('|', '¦').replace(chr(10), ' ')[:200]} |")
    return "\n".join(lines) + "\n"


def _flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        label = f"{before}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{label}: ")
        else:
            yield label, value
