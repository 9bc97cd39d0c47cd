"""The interface of a model that returns logits for fed tokens, and the order in which two models are fed.

Both models read the same answers in lockstep, some tokens of several answers at a time, so that only the logits of one chunk are in
memory. Answers of similar length form a group; each chunk has the same columns of every answer of the group that is not finished.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qtui.engines.protocol.answering import Prompt
from qtui.variant_facts import VariantFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 256
"""Tokens per forward pass, which limits how many positions' logits over the whole vocabulary are in memory at once."""
ROWS = 8
"""Answers per group."""
CELLS = 2048
"""Tokens per group, unless a single answer is longer: the size of the models' caches."""


@dataclass(frozen=True, slots=True)
class FedTokens:
    """Token ids of a prompt and its answer. Predictions after the token at index `first` and each later token are scored."""

    ids: list[int]
    first: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens of one row of a group, from column `start`; the last `scored` of them need logits."""

    row: int
    start: int
    ids: list[int]
    scored: int


class Scorer(Protocol):
    """A loaded model with its tokenizer; created by `loading.load_scorer`."""

    size: int
    """Length of a row of logits."""
    named: int
    """Number of tokens in its tokenizer; rows beyond are padding."""
    end_ids: frozenset[int]
    """Tokens that end an answer."""

    @property
    def loaded_facts(self) -> VariantFacts:
        """What became known while loading."""
        ...

    @property
    def trained_context(self) -> int | None:
        """The most tokens of a text that the model was trained with; None if its files do not say."""
        ...

    @property
    def can_spread(self) -> bool:
        """Whether `spread` is possible for this model."""
        ...

    def twin(self) -> "Scorer":
        """Return a scorer with the same weights in memory and a separate cache."""
        ...

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """Return the prompt's token ids."""
        ...

    def answer_ids(self, text: str) -> list[int]:
        """Return the token ids of a text in mid-answer: without an added space, and without parsing special tokens."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token."""
        ...

    def reserve(self, cells: int) -> None:
        """Create the cache for groups of at most `cells` tokens in total and `ROWS` rows."""
        ...

    def begin(self, rows: int) -> None:
        """Begin a group of this many rows and clear the last one."""
        ...

    def spread(self, rows: int) -> None:
        """Make what was fed to row 0 the beginning of this many rows, row 0 among them; all others are empty before."""
        ...

    def feed(self, pieces: Sequence[Piece]) -> "NDArray[Any]":
        """Return logits, float32, shape (sum of `scored`, size), in the order of the pieces; valid until the next call."""
        ...


def cells_needed(lengths: Sequence[int]) -> int:
    """Return the cache size, in tokens, for answers of these lengths."""
    return max([CELLS, *lengths])


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Return groups of indices into `lengths`, the shortest first."""
    grouped: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        # The lengths are sorted, so the new one is the longest of its group.
        if grouped and len(grouped[-1]) < ROWS and (len(grouped[-1]) + 1) * lengths[index] <= CELLS:
            grouped[-1].append(index)
        else:
            grouped.append([index])
    return grouped


def chunks(group: Sequence[FedTokens], start: int = 0) -> Iterator[list[Piece]]:
    """Yield the tokens of a group, from column `start` on, in chunks of at most `CHUNK`.

    When a row is finished, the others get more tokens per chunk.
    """
    while unfinished := [row for row, fed in enumerate(group) if len(fed.ids) > start]:
        end = start + max(1, CHUNK // len(unfinished))
        yield [_piece(row, group[row], start, end) for row in unfinished]
        start = end


def _piece(row: int, fed: FedTokens, start: int, end: int) -> Piece:
    ids = fed.ids[start:end]
    return Piece(row, start, ids, max(0, min(len(ids), start + len(ids) - fed.first)))
