"""Tags that a text writes about and does not use: those in code, and those in quotation marks.

Code is Markdown's: fenced blocks (CommonMark 4.5) and spans between equal runs of backticks (6.1), here within one line. A block
whose fence is never closed is not counted, because thoughts often end within a block that they began.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_QUOTES = ("''", '""', "``", "“”", "‘’", "「」", "『』", "()", "（）", "«»", "**")

Region = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Quoting:
    """The code of one text."""

    text: str
    blocks: tuple[Region, ...]
    """Closed fenced blocks, in order."""
    spans: tuple[Region, ...]
    """Code spans outside these blocks, in order."""

    def is_quoted(self, start: int, end: int) -> bool:
        """Whether text[start:end] is in a code span or directly between quotation marks."""
        around = self.text[start - 1 : start] + self.text[end : end + 1]
        return around in _QUOTES or is_within(self.spans, start)

    def is_in_block(self, start: int) -> bool:
        """Whether the position is in a fenced block."""
        return is_within(self.blocks, start)


def quoting(text: str, tags: tuple[str, ...] = ()) -> Quoting:
    """Find the code of a text. A fence may also follow one of `tags` directly."""
    if "`" not in text and "~~~" not in text:
        return Quoting(text, (), ())
    blocks = tuple(_blocks(text, _fence(tags)))
    spans = tuple(found.span() for found in _CODE_SPAN.finditer(text) if not is_within(blocks, found.start()))
    return Quoting(text, blocks, spans)


@cache
def _fence(tags: tuple[str, ...]) -> re.Pattern[str]:
    beginnings = "|".join(["^", *(f"(?<={re.escape(tag)})" for tag in tags)])
    return re.compile(rf"(?:{beginnings}) {{0,3}}(`{{3,}}|~{{3,}})([^\n]*)$", re.MULTILINE)


def _blocks(text: str, fences: re.Pattern[str]) -> list[Region]:
    blocks: list[Region] = []
    opened: re.Match[str] | None = None
    for fence in fences.finditer(text):
        if opened is None:
            opened = fence if fence[1][0] == "~" or "`" not in fence[2] else None
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            blocks.append((opened.start(), fence.end()))
            opened = None
    return blocks


def is_within(regions: Sequence[Region], place: int) -> bool:
    """Whether a position is in one of the regions, which are in order and apart."""
    before = bisect_right(regions, place, key=itemgetter(0)) - 1
    return before >= 0 and regions[before][0] <= place < regions[before][1]
