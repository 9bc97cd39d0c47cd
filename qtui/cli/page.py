"""Text and tables on standard output, for a terminal and for a pipe.

On a terminal, lines are wrapped to its width, `spare` columns are left out and the `flex` column is cut. In a pipe, lines stay
whole for grep and less, and there is no colour. With NO_COLOR, bold and underline remain. Text for a Page must be safe (see
`qtui.text.safe`), in a pipe too: `less -R` and `cat` hand it on to a terminal.
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

from qtui.text import cut, escaped_json, safe, width, wrap

GAP = 2
NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. If the terminal is too narrow, `spare` columns are left out, then the `flex` column is cut."""

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
        """Print text after an indent or a label; continuation lines are indented as far."""
        start = label or " " * indent
        lines = wrap(text, max(NARROWEST, self.columns - width(start))) if self.columns else text.split("\n")
        for i, line in enumerate(lines):
            before = start if i == 0 else " " * width(start)
            self.text(Text(before + line, style=style))

    def text(self, text: Text) -> None:
        """Print one line as it is, without wrapping."""
        text.rstrip()
        self._console.print(text, no_wrap=True, overflow="ignore", crop=False)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
        """Print a header and rows. `styles` has one style for each row."""
        whole = [[cell.replace("\n", " ") for cell in row] for row in rows]
        shown, cells = self._fitted(columns, [[column.label for column in columns], *whole])
        widths = [max(width(row[i]) for row in cells) for i in range(len(shown))]
        for i, row in enumerate(cells):
            style = "bold" if i == 0 else styles[i - 1] if styles else ""
            padded = (
                _pad(cell, cells_wide, column) for cell, cells_wide, column in zip(row, widths, shown, strict=True)
            )
            self.text(Text((" " * GAP).join(padded), style=Style.parse(style)))

    def _fitted(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> tuple[list[Column], list[list[str]]]:
        """The columns that fit, and the rows with the cells of these columns, those of the flexible column cut."""
        shown = list(range(len(columns)))
        widths = [max(width(row[i]) for row in rows) for i in shown]
        flex = next((i for i, column in enumerate(columns) if column.flex), None)
        spare = [i for i, column in enumerate(columns) if column.spare]
        while self.columns and spare and sum(widths[i] + GAP for i in shown) - GAP > self.columns:
            shown.remove(spare.pop())
        cells = [[row[i] for i in shown] for row in rows]
        if self.columns and flex is not None:
            room = self.columns - sum(widths[i] + GAP for i in shown if i != flex)
            place = shown.index(flex)
            for row in cells:
                row[place] = cut(row[place], max(NARROWEST, room))
        return [columns[i] for i in shown], cells


def _pad(cell: str, cells_wide: int, column: Column) -> str:
    space = " " * (cells_wide - width(cell))
    return space + cell if column.align == "right" else cell + space


def print_json(value: Any, *, indent: int | None = 1) -> None:
    """Print JSON. What a terminal would obey is escaped, in a pipe too: its reader gets the same values, and may show them."""
    text = escaped_json(json.dumps(value, ensure_ascii=False, indent=indent))
    click.echo(safe(text) if sys.stdout.isatty() else text)
