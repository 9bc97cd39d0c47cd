"""The text of an answer, from the bytes of its tokens: the same for every engine that decodes here.

A token may be part of a character, so bytes are collected and decoded together. Invalid UTF-8 (an answer cut off within a
character) becomes U+FFFD. Special tokens have no text. The first token keeps its leading space: the answer is the text that
decoding prompt and answer together adds after the prompt.
"""

from qtui.engines.protocol.answering import Prompt
from qtui.records import Sampling

EMPTY = "the prompt is empty, and the model's tokenizer adds no BOS"


class AnswerText:
    """Collects an answer's bytes up to the first stop text. The stop text and what follows it are not part of the answer."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._data = bytearray()
        self._stop = [text.encode() for text in stop if text]
        self._longest = max(map(len, self._stop), default=0)

    def add(self, piece: bytes) -> bool:
        """Append the bytes of one token. Returns True if this completes a stop text. UTF-8 never matches across characters."""
        start = max(0, len(self._data) - self._longest + 1)
        self._data += piece
        places = [place for text in self._stop if (place := self._data.find(text, start)) >= 0]
        if places:
            del self._data[min(places) :]
        return bool(places)

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._data.decode("utf-8", errors="replace")


def token_budget(prompt_tokens: int, sampling: Sampling, context: int) -> int:
    """Return how many tokens an answer may have: `max_tokens`, or what the prompt leaves of the context. 0 or less: none."""
    return min(sampling.max_tokens, context - prompt_tokens)


def too_long_message(prompt_tokens: int, context: int) -> str:
    """Return why a prompt cannot be answered."""
    return f"the prompt has {prompt_tokens:,} tokens and the context only {context:,}"


def context_needed(
    lengths: list[int], samplings: list[Sampling], set_context: int | None, trained_context: int | None
) -> int:
    """Return the context in tokens per answer, prompt included.

    This is `set_context` if set, else what the longest answer may need, limited to the context that the model was trained with.
    """
    if set_context:
        return set_context
    need = max((length + sampling.max_tokens for length, sampling in zip(lengths, samplings, strict=True)), default=1)
    return min(need, trained_context) if trained_context else need


def spaces_after_special(prompts: list[Prompt]) -> bool:
    """Whether special tokens are followed by a space. The prompts of one job agree on it."""
    return all(prompt.space_after_special for prompt in prompts)
