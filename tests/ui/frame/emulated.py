"""A terminal that is emulated (by pyte), and what a person sees on it."""

from typing import Any

import pyte
from pyte import modes

FLAG_LETTERS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))


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
        """Where this terminal shows something else than the other.

        Rows with flags are left out: this terminal gives their letters two cells and Textual one, so that in a row that is written
        whole all that follows is in the wrong place.
        """
        return [
            f"line {y + 1}, column {x + 1}: {mine} instead of {theirs}"
            for y, (row, row_of_other) in enumerate(zip(self.seen(), other.seen(), strict=True))
            if not any(FLAG_LETTERS.intersection(cell[0]) for cell in (*row, *row_of_other))
            for x, (mine, theirs) in enumerate(zip(row, row_of_other, strict=True))
            if mine != theirs
        ]


def _seen(cell: Any) -> Any:
    is_blank = cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough)
    return (" ", cell.bg) if is_blank else cell
