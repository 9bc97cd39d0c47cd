"""Feeding given tokens to a model for its logits: what both engines offer, and the order in which two of them are fed.

Two models go through the same answers in lockstep, some tokens of several answers at a time, so that only the logits of one chunk
are ever held. Answers of like length go together; each chunk takes the same columns of every answer that is not through yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qtui.engines.protocol.answering import Prompt
from qtui.variant_facts import VariantFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 256
"""Tokens per forward pass, and so the most positions whose logits over the whole vocabulary exist at once."""
ROWS = 8
"""Answers that go through a model together."""
CELLS = 2048
"""Tokens of all answers under way together, unless a single one is longer: what the models' caches are made for."""


@dataclass(frozen=True, slots=True)
class Fed:
    """The tokens that one answer comes to. What follows the token at `first` and each later one is what is looked at."""

    ids: list[int]
    first: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some tokens of one row of a group, beginning at column `start`; the logits of the last `scored` of them are wanted."""

    row: int
    start: int
    ids: list[int]
    scored: int


class Scorer(Protocol):
    """A model that is loaded, tokenizer and weights: `loading.load_scorer` makes it whole."""

    size: int
    """Rows of its logits."""
    named: int
    """Tokens that its tokenizer knows; rows beyond them only pad the size."""
    end_ids: frozenset[int]
    """Tokens that end an answer."""

    @property
    def loaded_facts(self) -> VariantFacts:
        """What became known while loading."""
        ...

    def twin(self) -> "Scorer":
        """The same model with a cache of its own, over the same weights in memory."""
        ...

    def prompt_ids(self, prompt: Prompt) -> list[int]: ...

    def answer_ids(self, text: str) -> list[int]:
        """The tokens of a text that goes on after others: no space put before it, no special token parsed in it."""
        ...

    def piece(self, token: int) -> bytes: ...

    def reserve(self, cells: int) -> None:
        """Make the cache: no group will have more tokens together, nor more than `ROWS` rows."""
        ...

    def begin(self, rows: int) -> None:
        """Forget the last group; the next has so many rows."""
        ...

    def feed(self, pieces: Sequence[Piece]) -> "NDArray[Any]":
        """Logits, float32, (sum of `scored`, size), in the order of the pieces. Valid until the next call."""
        ...


def cells_needed(lengths: Sequence[int]) -> int:
    return max([CELLS, *lengths])


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of the lengths, the shortest first, as they go together."""
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        # Sorted: the new one is the longest of its group.
        if found and len(found[-1]) < ROWS and (len(found[-1]) + 1) * lengths[index] <= CELLS:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def chunks(group: Sequence[Fed]) -> Iterator[list[Piece]]:
    """All tokens of a group in steps of at most `CHUNK`; a row that is through makes room for more of the others."""
    start = 0
    while going := [row for row, fed in enumerate(group) if len(fed.ids) > start]:
        end = start + max(1, CHUNK // len(going))
        yield [_piece(row, group[row], start, end) for row in going]
        start = end


def _piece(row: int, fed: Fed, start: int, end: int) -> Piece:
    ids = fed.ids[start:end]
    return Piece(row, start, ids, max(0, min(len(ids), start + len(ids) - fed.first)))
