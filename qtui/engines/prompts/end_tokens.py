"""The tokens that end an answer: prompts carry their texts, and each engine looks up the ids in its vocabulary."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qtui.engines.protocol.answering import Request
from qtui.errors import UserError
from qtui.records import Sampling


class Vocabulary(Protocol):
    """The vocabulary of an engine's model."""

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """Return the ids of those of these texts that are single tokens."""
        ...

    def is_special(self, token: int) -> bool:
        """Whether the token has no text in an answer."""
        ...

    def default_end_ids(self) -> Collection[int]:
        """Return the end tokens that the weights name, for prompts that name none."""
        ...


@dataclass(frozen=True, slots=True)
class EndTokens:
    """Ids of the tokens that end an answer, in the vocabulary of some weights."""

    always: frozenset[int]
    by_stop_text: dict[str, int]
    """Stop texts that are special tokens. These have no text, so an answer cannot be searched for them."""

    def for_sampling(self, sampling: Sampling) -> frozenset[int]:
        """Return the tokens that end an answer with this sampling."""
        return self.always.union(self.by_stop_text[text] for text in sampling.stop if text in self.by_stop_text)


def find_end_tokens(requests: Sequence[Request], vocabulary: Vocabulary, weights: Path) -> EndTokens:
    """Return the tokens that end the answers of one job, in the vocabulary of `weights` (named in errors).

    Raises UserError if the vocabulary contains none of the tokens that the baseline names: then the models differ.
    """
    named = {text for request in requests for text in request.prompt.end_token_texts or ()}
    ids = vocabulary.ids_of(named)
    if named and not ids:
        raise UserError(
            f"{weights}: its vocabulary has none of the tokens that end the baseline's answers ({', '.join(sorted(named))}); "
            "is it a variant of the same model?"
        )
    stops = vocabulary.ids_of({text for request in requests for text in request.sampling.stop})
    return EndTokens(
        frozenset(ids.values() if named else vocabulary.default_end_ids()),
        {text: token for text, token in stops.items() if vocabulary.is_special(token)},
    )
