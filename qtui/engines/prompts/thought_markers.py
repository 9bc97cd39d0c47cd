"""The special tokens that mark thoughts. They have no text in an answer, but thoughts are told from it by them."""

from collections.abc import Iterable

from qtui.engines.prompts.end_tokens import Vocabulary
from qtui.engines.protocol.answering import Request
from qtui.thinking import Tags
from qtui.thinking.tags import marker_texts


def find_thought_markers(requests: Iterable[Request], vocabulary: Vocabulary) -> dict[int, bytes]:
    """Return the special tokens of a vocabulary that mark thoughts, with their texts: id → bytes.

    Tags that are no special tokens have text anyway.
    """
    named = {request.prompt.thinking_tags for request in requests}
    texts = {text for tags in named for text in marker_texts(Tags(*tags) if tags else None)}
    return {token: text.encode() for text, token in vocabulary.ids_of(texts).items() if vocabulary.is_special(token)}
