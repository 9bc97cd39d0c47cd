"""A small table as plain lines, to be placed between other lines; a table that scrolls is a VirtualTable."""

from collections.abc import Sequence

from qtui.text import cut, safe, width
from qtui.ui.widgets.columns import GAP, Column, layout


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], cells: int) -> list[str]:
    """Return a line of titles and a line per row, each of at most `cells` cells. Columns without any value are left out."""
    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    shown = [columns[i] for i in used]
    values = [[safe(row[i]) for i in used] for row in rows]
    needed = [
        max(width(text) for text in (column.label, *(row[n] for row in values))) for n, column in enumerate(shown)
    ]
    places = layout(shown, needed, cells) if shown else []
    return [
        (" " * GAP).join(_aligned(row[n], wide, shown[n].align) for n, wide in places).rstrip()
        for row in [[column.label for column in shown], *values]
    ]


def _aligned(text: str, wide: int, align: str) -> str:
    text = cut(text, wide)
    padding = " " * (wide - width(text))
    return padding + text if align == "right" else text + padding
