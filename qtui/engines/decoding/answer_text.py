"""The text of an answer, from the bytes of its tokens: the same for every engine that decodes here.

A token may be a part of a character, so bytes are collected and decoded once. What is no valid UTF-8 (an answer cut off within
a character) becomes U+FFFD. Special tokens have no text. The first token keeps its leading space: the answer is what decoding
prompt and answer together adds after the prompt.
"""

from qtui.engines.protocol.answering import Prompt
from qtui.records import Sampling

EMPTY = "the prompt is empty, and the model's tokenizer adds no BOS"


class AnswerText:
    """Collects an answer until one of the stop texts appears; that and what follows it are no part of the answer."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._data = bytearray()
        self._stop = [text.encode() for text in stop if text]
        self._longest = max(map(len, self._stop), default=0)

    def add(self, piece: bytes) -> bool:
        """Append the bytes of one token; True where a stop text is complete. UTF-8 never matches across characters."""
        start = max(0, len(self._data) - self._longest + 1)
        self._data += piece
        found = [at for text in self._stop if (at := self._data.find(text, start)) >= 0]
        if found:
            del self._data[min(found) :]
        return bool(found)

    @property
    def text(self) -> str:
        return self._data.decode("utf-8", errors="replace")


def room(prompt_tokens: int, sampling: Sampling, context: int) -> int:
    """How many tokens an answer may have: what was asked for, or what the context leaves. At most 0: no room at all."""
    return min(sampling.max_tokens, context - prompt_tokens)


def too_long(prompt_tokens: int, context: int) -> str:
    return f"the prompt has {prompt_tokens:,} tokens and the context only {context:,}"


def context_needed(lengths: list[int], samplings: list[Sampling], asked: int | None, trained: int | None) -> int:
    """Tokens per answer, prompt included: as asked for, else what the longest answer may need and the model was made for."""
    if asked:
        return asked
    need = max((length + sampling.max_tokens for length, sampling in zip(lengths, samplings, strict=True)), default=1)
    return min(need, trained) if trained else need


def starts_spaced(prompts: list[Prompt]) -> bool:
    """Whether special tokens are followed by a space, by the prompts of one job, which agree on it."""
    return all(prompt.space_after_special for prompt in prompts)
