"""Lines, the result of every drawing: lists of segments, each a text with its role."""

from collections.abc import Iterable
from typing import Literal

from qtui import text

Role = Literal[
    "text",
    "strong",
    "faint",
    "baseline",
    "candidate",
    "candidate-reversed",
    "baseline-mark",
    "candidate-mark",
    "warning",
]
Segment = tuple[str, Role]
Line = list[Segment]


def plain(line: Line) -> str:
    """The text alone."""
    return "".join(piece for piece, _ in line)


def width(line: Line) -> int:
    """Width in terminal cells."""
    return sum(text.width(piece) for piece, _ in line)


def fit(content: str, cells: int, *, align: Literal["left", "right"] = "left") -> str:
    """Safe text cut or padded to exactly `cells` cells."""
    shown = text.cut(content, cells)
    padding = " " * (cells - text.width(shown))
    return shown + padding if align == "left" else padding + shown


def fit_line(line: Line, cells: int) -> Line:
    """The line cut or padded to exactly `cells` cells."""
    fitted: Line = []
    left = cells
    for piece, role in line:
        shown = text.cut(piece, left)
        if shown:
            fitted.append((shown, role))
        left -= text.width(shown)
        if shown != piece:
            break
    return [*fitted, (" " * left, "text")] if left else fitted


def wrap_line(line: Line, cells: int) -> list[Line]:
    """The line as lines of at most `cells` cells: its last segment is wrapped, indented to where it begins."""
    if not line or width(line) <= cells:
        return [line]
    *before, (last, role) = line
    indent = width(before)
    first, *rest = text.wrap(last, max(8, cells - indent))
    return [[*before, (first, role)], *([(" " * indent, role), (part, role)] for part in rest)]


def runs(cells: Iterable[Segment]) -> Line:
    """The cells as few segments: neighbours of the same role are joined."""
    joined: Line = []
    for piece, role in cells:
        if joined and joined[-1][1] == role:
            joined[-1] = (joined[-1][0] + piece, role)
        else:
            joined.append((piece, role))
    return joined
