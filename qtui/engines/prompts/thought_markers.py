"""The special tokens that mark thoughts. They have no text in an answer, but thoughts are told from it by them."""

import re
from collections.abc import Collection, Iterable
from typing import Protocol

from qtui.engines.prompts.end_tokens import Vocabulary
from qtui.engines.protocol.answering import Request
from qtui.thinking import Tags, split
from qtui.thinking.tags import marker_texts


class PlainVocabulary(Protocol):
    """A vocabulary that turns text in mid-answer into tokens."""

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """Return the ids of those `texts` that are single tokens."""
        ...

    def plain_tokens(self, text: str) -> list[int]:
        """Return the token ids of a text in mid-answer, without parsing special tokens."""
        ...


def find_thought_markers(requests: Iterable[Request], vocabulary: Vocabulary) -> dict[int, bytes]:
    """Return the special tokens of a vocabulary that mark thoughts, with their texts: id → bytes.

    Tags that are no special tokens have text anyway.
    """
    named = {request.prompt.thinking_tags for request in requests}
    texts = {text for tags in named for text in marker_texts(Tags(*tags) if tags else None)}
    return {token: text.encode() for text, token in vocabulary.ids_of(texts).items() if vocabulary.is_special(token)}


def ids_with_markers(text: str, vocabulary: PlainVocabulary, tags: tuple[str, str] | None = None) -> list[int]:
    """Return the token ids of a text in mid-answer in which tags of thoughts are the tokens that a model writes for them."""
    ids = vocabulary.ids_of(marker_texts(Tags(*tags) if tags else None))
    if not ids:
        return vocabulary.plain_tokens(text)
    longest_first = sorted(map(re.escape, ids), key=len, reverse=True)
    pieces = re.split(f"({'|'.join(longest_first)})", text)
    tokens: list[int] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            tokens.append(ids[piece])
        elif piece:
            tokens += vocabulary.plain_tokens(piece)
    return tokens


def answer_ids(text: str, vocabulary: PlainVocabulary) -> list[int]:
    """Return the token ids of a whole answer. Only where it has thoughts are tags in it special tokens and no plain text."""
    return ids_with_markers(text, vocabulary) if split(text).has_markup else vocabulary.plain_tokens(text)
