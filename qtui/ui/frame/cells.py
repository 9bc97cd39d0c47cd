"""Text as cells of a terminal: what each cell shows, and of which characters terminals disagree how wide they are."""

import re
import unicodedata
from functools import lru_cache

from rich.cells import get_character_cell_size, split_graphemes

SECOND = ""
"""What the second cell of a wide character holds."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
"""They have no width for Textual, and belong into no cell."""
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
"""Two of them are a flag to some terminals."""


def cells_of(text: str) -> tuple[str, tuple[str, ...]]:
    """The marks with which a text begins, which belong to the cell before it, and its cells, as many as Textual counts.

    A cell is a character with its marks, or `SECOND` after a wide one.
    """
    if text.isascii() and text.isprintable():
        return "", tuple(text)
    text = _CONTROLS.sub("", text)
    start = next((index for index, character in enumerate(text) if get_character_cell_size(character)), len(text))
    cells: list[str] = []
    rest = text[start:]
    for first, stop, width in split_graphemes(rest)[0]:
        cells += (rest[first:stop], SECOND)[:width]
    return text[:start], tuple(cells)


@lru_cache(maxsize=8192)
def has_doubtful_width(cell: str | None) -> bool:
    """Whether terminals may give this character another width than Textual does.

    So it is of joined and marked characters, pictures, private ones and ones that are newer than the terminal; scripts of East Asia
    and signs of one cell are the same everywhere.
    """
    if not cell or cell.isascii():
        return False
    if len(cell) > 1 or ord(cell) in _FLAG_LETTERS:
        return True
    category = unicodedata.category(cell)
    return category in ("Mc", "Mn", "Me", "Co", "Cn") or (
        category == "So" and unicodedata.east_asian_width(cell) == "W"
    )
