"""Behaviour in words: the primary test (length) decides `changed`, and secondary findings (flags) are never hidden behind it."""

from collections.abc import Sequence


def behaviour_word(behaviour: str | None, reasons: Sequence[str]) -> str:
    """One word for a column: `changed`, `flags` if only secondary tests found something, else nothing."""
    if behaviour == "changed":
        return "changed"
    return "flags" if reasons else ""


def behaviour_title(behaviour: str, reasons: Sequence[str]) -> str:
    """The finding without its reasons."""
    return "no change of length found, but of flags" if behaviour_word(behaviour, reasons) == "flags" else behaviour
