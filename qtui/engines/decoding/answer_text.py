"""The text of an answer, from the bytes of its tokens: the same for every engine that decodes here.

A token may be part of a character, so bytes are collected and decoded together. Invalid UTF-8 (an answer cut off within a
character) becomes U+FFFD. Special tokens have no text, but those that mark thoughts are kept until thoughts and answer are told
apart. The first token keeps its leading space: the answer is the text that decoding prompt and answer together adds after the
prompt.
"""

import codecs
from collections.abc import Iterable

from qtui.engines.protocol.answering import Prompt
from qtui.records import Sampling, Thoughts
from qtui.thinking import Split, Tags, split

EMPTY = "the prompt is empty, and the model's tokenizer adds no BOS"


class AnswerText:
    """Collects an answer's bytes up to the first stop text. The stop text and what follows it are not part of the answer."""

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._data = bytearray()
        self._stop = [text.encode() for text in stop if text]
        self._longest = max(map(len, self._stop), default=0)
        self._tokens: list[tuple[bytes, bool]] = []
        """Each token's bytes, and whether they are the text of a special token that marks thoughts."""

    def add(self, piece: bytes, marker: bytes = b"") -> bool:
        """Append the bytes of one token. Returns True if this completes a stop text. UTF-8 never matches across characters.

        `marker` is the text of a special token that marks thoughts.
        """
        start = max(0, len(self._data) - self._longest + 1)
        self._data += piece
        self._tokens.append((marker or piece, bool(marker)))
        places = [place for text in self._stop if (place := self._data.find(text, start)) >= 0]
        if places:
            del self._data[min(places) :]
        return bool(places)

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._data.decode("utf-8", errors="replace")

    @property
    def whole(self) -> str:
        """The answer so far with the special tokens that mark thoughts."""
        return b"".join(self._tokens_before_stop()).decode("utf-8", errors="replace")

    def split(self, prompt: Prompt) -> tuple[str, Thoughts | None]:
        """Return the answer so far without the thoughts, and these; (`text`, None) if the model wrote none."""
        tokens = list(self._tokens_before_stop())
        whole = b"".join(tokens).decode("utf-8", errors="replace")
        tags = Tags(*prompt.thinking_tags) if prompt.thinking_tags else None
        found = split(whole, prompt=prompt.text, tags=tags)
        if not found.has_markup:
            return self.text, None
        return found.answer, Thoughts(found.thinking, whole, _tokens_within(found, tokens), found.is_unfinished)

    def _tokens_before_stop(self) -> Iterable[bytes]:
        """The bytes of each token, markers included, up to the stop text."""
        room = len(self._data)
        for token, is_marker in self._tokens:
            if is_marker:
                yield token
                continue
            if token and not room:
                return
            yield token[:room]
            room -= min(room, len(token))


def _tokens_within(found: Split, tokens: Iterable[bytes]) -> int:
    """Return how many tokens begin in a thought, its tags included."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    place = count = 0
    for token in tokens:
        count += any(start <= place < stop for start, stop in found.spans)
        place += len(decoder.decode(token))
    return count


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
    has_context = type(trained_context) is int and trained_context > 0
    return min(need, trained_context) if has_context and trained_context else need


def spaces_after_special(prompts: list[Prompt]) -> bool:
    """Whether special tokens are followed by a space. The prompts of one job agree on it."""
    return all(prompt.space_after_special for prompt in prompts)
