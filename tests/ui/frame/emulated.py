"""A terminal that is emulated (by pyte), and what a person sees on it."""

from typing import Any

import pyte
from pyte import modes


class Emulated:
    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.screen.reset_mode(modes.DECAWM)
        self._stream = pyte.Stream(self.screen)

    def write(self, sent: str) -> None:
        self._stream.feed(sent)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)

    def seen(self) -> list[list[Any]]:
        """The cells, row by row, with their styles; of a blank one nobody sees more than its ground."""
        return [[_seen(self.screen.buffer[y][x]) for x in range(self.screen.columns)] for y in range(self.screen.lines)]

    def differences(self, other: "Emulated") -> list[str]:
        """Where this terminal shows something else than the other."""
        return [
            f"line {y + 1}, column {x + 1}: {mine} instead of {theirs}"
            for y, (row, row_of_other) in enumerate(zip(self.seen(), other.seen(), strict=True))
            for x, (mine, theirs) in enumerate(zip(row, row_of_other, strict=True))
            if mine != theirs
        ]


def _seen(cell: Any) -> Any:
    is_blank = cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough)
    return (" ", cell.bg) if is_blank else cell
