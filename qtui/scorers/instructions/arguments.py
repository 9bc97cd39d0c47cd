"""The arguments of a check, as a task writes them. A wrong one raises ValueError with a sentence: the task is then unscored."""

from collections.abc import Callable, Mapping
from typing import Any

Arguments = Mapping[str, Any]
Check = Callable[[str, Arguments], bool]
"""Whether a text follows an instruction with these arguments. Raises ValueError if an argument is missing or wrong."""

FEWER = ("less than", "未満")
AT_LEAST = ("at least", "以上")


def number(arguments: Arguments, name: str) -> int:
    value = arguments.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"needs a whole number {name}")
    return value


def text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"needs a text {name}")
    return value.strip()


def texts(arguments: Arguments, name: str) -> list[str]:
    value = arguments.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"needs a list of texts {name}")
    return value


def is_met(count: int, arguments: Arguments, bound: str, relation: str = "relation") -> bool:
    """Return whether `count` is less than, or at least, the argument `bound`, as the argument `relation` says."""
    limit, words = number(arguments, bound), arguments.get(relation)
    if words in FEWER:
        return count < limit
    if words in AT_LEAST:
        return count >= limit
    raise ValueError(f"knows the {relation} {', '.join((*FEWER, *AT_LEAST))}, not {words!r}")
