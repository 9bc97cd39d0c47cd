"""Text and tables on standard output, for a reader at a terminal and for a pipe.

On a terminal lines are wrapped to its width, columns that can be spared are left out, and one is cut. In a pipe nothing is, so that
grep and less see whole lines, and there is no colour. NO_COLOR leaves bold and underline. Text for a Page must be safe already.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
from rich.console import Console
from rich.style import Style
from rich.text import Text

from qtui.text import cut, safe, width, wrap

GAP = 2
NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Column:
    """Where the terminal is too narrow, a `spare` column is left out, then the `flex` one is cut."""

    label: str
    align: Literal["left", "right"] = "left"
    flex: bool = False
    spare: bool = False


class Page:
    """Prints to standard output. `columns` is the terminal's width, None in a pipe."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.columns = self._console.width if sys.stdout.isatty() else None

    def line(self, text: str = "", *, indent: int = 0, label: str = "", style: str = "") -> None:
        """A line of prose after an indent or a label; where it is wrapped, what follows is indented as far."""
        start = label or " " * indent
        lines = wrap(text, max(NARROWEST, self.columns - width(start))) if self.columns else text.split("\n")
        for number_of, line in enumerate(lines):
            before = start if number_of == 0 else " " * width(start)
            self.text(Text(before + line, style=style))

    def text(self, text: Text) -> None:
        """One line that is laid out already."""
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
        """A header and rows under each other; numbers end, words begin at the same place. `styles` is one for each row."""
        whole = [[cell.replace("\n", " ") for cell in row] for row in rows]
        shown, cells = self._fitted(columns, [[column.label for column in columns], *whole])
        widths = [max(width(row[i]) for row in cells) for i in range(len(shown))]
        for number_of, row in enumerate(cells):
            style = "bold" if number_of == 0 else styles[number_of - 1] if styles else ""
            padded = (_padded(cell, wanted, column) for cell, wanted, column in zip(row, widths, shown, strict=True))
            self.text(Text((" " * GAP).join(padded), style=Style.parse(style)))

    def _fitted(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[list[str]]]:
        """The columns that fit and their cells, the flexible one cut."""
        kept = list(range(len(columns)))
        wanted = [max(width(row[i]) for row in rows) for i in kept]
        flex = next((i for i, column in enumerate(columns) if column.flex), None)
        spare = [i for i, column in enumerate(columns) if column.spare]
        while self.columns and spare and sum(wanted[i] + GAP for i in kept) - GAP > self.columns:
            kept.remove(spare.pop())
        cells = [[row[i] for i in kept] for row in rows]
        if self.columns and flex is not None:
            room = self.columns - sum(wanted[i] + GAP for i in kept if i != flex)
            place = kept.index(flex)
            for row in cells:
                row[place] = cut(row[place], max(NARROWEST, room))
        return [columns[i] for i in kept], cells


def _padded(cell: str, wanted: int, column: Column) -> str:
    space = " " * (wanted - width(cell))
    return space + cell if column.align == "right" else cell + space


def print_json(value: Any) -> None:
    """To a program exactly, to a terminal without what would drive it (JSON escapes only some of the controls)."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    click.echo(safe(text) if sys.stdout.isatty() else text)
