"""The problems of an experiment's file, each with its place: they are collected and reported at once."""

import json
from pathlib import Path

from qtui.errors import UserError
from qtui.files.toml_location import line_of

LONGEST_KEY = 60


class Problems:
    """Collects problems, each with its line in the file."""

    def __init__(self, text: str, origin: Path) -> None:
        self._text = text
        self._origin = origin
        self._lines: list[tuple[int, str]] = []
        self.notes: list[str] = []
        """Sentences on what is no problem, but must be said."""

    def note(self, *sentences: str) -> None:
        self.notes += [each for each in sentences if each not in self.notes]

    def add(self, location: tuple[str | int, ...], message: str) -> None:
        line = line_of(self._text, location)
        place = f"{self._origin}:{line}" if line else str(self._origin)
        self._lines.append((line or 0, f"{place}: {dotted(location)}{message}"))

    def raise_any(self) -> None:
        """Raises UserError if there are problems, one per line in the order of the file."""
        if self._lines:
            raise UserError(str(self))

    def __str__(self) -> str:
        return "\n".join(line for _, line in sorted(self._lines))


def _shown(key: str) -> str:
    """A key for a message, in quotes if it would not be read as one: it may be empty, long, or have line breaks."""
    plain = key if key.isprintable() and key.strip() else json.dumps(key)
    return plain if len(plain) <= LONGEST_KEY else f"{plain[:LONGEST_KEY]}…"


def dotted(location: tuple[str | int, ...]) -> str:
    """The key before its message: `models[1].variants[2].engine: `; empty for the whole file."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{_shown(part)}" if text else _shown(part)
    return f"{text}: " if text else ""
