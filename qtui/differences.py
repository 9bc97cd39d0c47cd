"""Which characters of two answers differ: where they begin to differ, their similarity, and what only one of them has.

A character is what a reader sees as one: a joined emoji (two people, one family), a letter with its accents. In code points, a
family of four would be two thirds equal to one of three. Similarity and divergence are figures of the stored texts, so that every
place shows the same figures; runs are for marking and are those of the text that is drawn.

An exact alignment of two Japanese answers is unreadable (の and を match everywhere), so short equal runs between larger changes
count as changed. rapidfuzz aligns a hundred times faster than difflib; it is imported at the first use.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from rich.cells import get_character_cell_size, split_graphemes

SHORT_EQUAL = 4
"""Equal runs below this many characters are merged into the changes around them if one of those is longer."""
MOST_COMPARED = 16_000 * 16_000
"""Largest product of the lengths for an alignment (about 0.1 s). Longer texts are compared only at both ends."""
EQUAL_SHOWN = 24
"""Characters of an equal run that `unified` keeps on each side of a change."""

_CONTROL = re.compile("([\x00-\x1f\x7f-\x9f])")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of both texts, equal or changed. If changed, one part may be empty."""

    equal: bool
    left: Span
    right: Span


@dataclass(frozen=True, slots=True)
class Differences:
    """The comparison of two texts. Spans are (start, stop) in code points, as Python counts; none begins inside a character."""

    runs: tuple[Run, ...]
    divergence: int | None
    """Index of the first different character, the same in both texts; None if they are equal."""

    @property
    def left(self) -> tuple[Span, ...]:
        return tuple(run.left for run in self.runs if not run.equal and run.left[0] < run.left[1])

    @property
    def right(self) -> tuple[Span, ...]:
        return tuple(run.right for run in self.runs if not run.equal and run.right[0] < run.right[1])


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much two stored answers have in common."""

    divergence: int | None
    """Code point at which the first different character begins, the same in both texts; None if they are equal."""
    similarity: float
    """2 · (characters in common, in order) / (characters of both), from 0 to 1: `rapidfuzz.fuzz.ratio` over whole characters."""


def differences(left: str, right: str) -> Differences:
    """Compare two texts for marking. About 2 ms for 5,000 characters each, never more than about 0.1 s."""
    if left == right:
        runs = (Run(True, (0, len(left)), (0, len(right))),) if left else ()
        return Differences(runs, None)
    units = _Units(left, right)
    readable = _readable(_aligned(units.left, units.right))
    return Differences(tuple(units.in_code_points(run) for run in readable), units.divergence())


def likeness(left: str, right: str) -> Likeness:
    """The figures of two answers. Pass the texts as stored: a text made safe for a screen has lost what joins its emoji."""
    if left == right:
        return Likeness(None, 1.0)
    units = _Units(left, right)
    return Likeness(units.divergence(), _similarity(units.left, units.right))


class _Units:
    """Two texts with one code point per character as a reader sees it, so that they can be aligned; and the way back."""

    def __init__(self, left: str, right: str) -> None:
        self._starts: list[list[int]] | None = None
        self.left, self.right = left, right
        if not (_has_joined(left) or _has_joined(right)):
            return
        self._starts = [[*_starts(text), len(text)] for text in (left, right)]
        numbers: dict[str, str] = {}
        self.left, self.right = (
            "".join(numbers.setdefault(text[start:stop], _code_point(len(numbers))) for start, stop in pairwise(starts))
            for text, starts in zip((left, right), self._starts, strict=True)
        )

    def divergence(self) -> int:
        unit = _common_prefix(self.left, self.right)
        return unit if self._starts is None else self._starts[0][unit]

    def in_code_points(self, run: Run) -> Run:
        if self._starts is None:
            return run
        left, right = self._starts
        return Run(run.equal, (left[run.left[0]], left[run.left[1]]), (right[run.right[0]], right[run.right[1]]))


def _has_joined(text: str) -> bool:
    """Whether a character of the text may consist of several code points. Looks at each code point once: most texts have none."""
    return any(map(_is_joined, set(text)))


@cache
def _is_joined(character: str) -> bool:
    """Whether a reader sees this code point as part of the character before; cached, because every key in Compare asks for all."""
    return not _CONTROL.match(character) and not get_character_cell_size(character)


def _starts(text: str) -> Iterator[int]:
    """Where each character begins. The library attaches line breaks and tabs to the character before; here they are their own."""
    place = 0
    for piece in _CONTROL.split(text):
        if _CONTROL.match(piece):
            yield place
        else:
            yield from (place + start for start, _, _ in split_graphemes(piece)[0])
        place += len(piece)


def _code_point(number: int) -> str:
    """A different code point for every number; surrogates are left out, since they are no characters."""
    return chr(number if number < 0xD800 else number + 0x800)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the unified text. `kind`: equal, left (only in the left text), right, skipped (equal and not shown)."""

    kind: str
    text: str


def unified(left: str, right: str, difference: Differences) -> list[Piece]:
    """Both texts as one list of pieces. The middle of a long equal stretch is a `skipped` piece."""
    pieces: list[Piece] = []
    for index, run in enumerate(difference.runs):
        if run.equal:
            pieces.extend(_shortened(left[slice(*run.left)], index == 0, index == len(difference.runs) - 1))
            continue
        if run.left[0] < run.left[1]:
            pieces.append(Piece("left", left[slice(*run.left)]))
        if run.right[0] < run.right[1]:
            pieces.append(Piece("right", right[slice(*run.right)]))
    return pieces


def _shortened(text: str, first: bool, last: bool) -> Iterator[Piece]:
    before, behind = 0 if first else EQUAL_SHOWN, 0 if last else EQUAL_SHOWN
    if len(text) <= before + behind + EQUAL_SHOWN:
        yield Piece("equal", text)
        return
    if before:
        yield Piece("equal", text[:before])
    yield Piece("skipped", text[before : len(text) - behind])
    if behind:
        yield Piece("equal", text[len(text) - behind :])


def _aligned(left: str, right: str) -> Iterator[Run]:
    if len(left) * len(right) > MOST_COMPARED:
        yield from _compared_ends(left, right)
        return
    from rapidfuzz.distance import Levenshtein

    for code in Levenshtein.opcodes(left, right):
        yield Run(code.tag == "equal", (code.src_start, code.src_end), (code.dest_start, code.dest_end))


def _compared_ends(left: str, right: str) -> Iterator[Run]:
    """The equal beginning, the changed middle, the equal end."""
    start = _common_prefix(left, right)
    end = _common_prefix(left[start:][::-1], right[start:][::-1])
    yield Run(True, (0, start), (0, start))
    yield Run(False, (start, len(left) - end), (start, len(right) - end))
    yield Run(True, (len(left) - end, len(left)), (len(right) - end, len(right)))


def _readable(runs: Iterable[Run]) -> Iterator[Run]:
    """Join neighbouring changes, merge short equal runs into larger changes around them, drop empty runs."""
    joined = list(_joined(run for run in runs if run.left[0] < run.left[1] or run.right[0] < run.right[1]))
    merged = [
        joined[i] if not _is_noise(joined, i) else Run(False, joined[i].left, joined[i].right)
        for i in range(len(joined))
    ]
    return _joined(merged)


def _is_noise(runs: list[Run], index: int) -> bool:
    run = runs[index]
    length = run.left[1] - run.left[0]
    if not run.equal or length >= SHORT_EQUAL or index in (0, len(runs) - 1):
        return False
    return length < max(_size(runs[index - 1]), _size(runs[index + 1]))


def _size(run: Run) -> int:
    return max(run.left[1] - run.left[0], run.right[1] - run.right[0])


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    pending: Run | None = None
    for run in runs:
        if pending is not None and pending.equal == run.equal:
            pending = Run(run.equal, (pending.left[0], run.left[1]), (pending.right[0], run.right[1]))
            continue
        if pending is not None:
            yield pending
        pending = run
    if pending is not None:
        yield pending


def _common_prefix(left: str, right: str) -> int:
    """Length of the common prefix. Found by bisection, because Python compares slices in C."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _similarity(left: str, right: str) -> float:
    if len(left) * len(right) > MOST_COMPARED:
        start = _common_prefix(left, right)
        end = _common_prefix(left[start:][::-1], right[start:][::-1])
        return 2 * (start + end) / (len(left) + len(right))
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(left, right))
