"""How many tokens a text may be for a model whose tokenizer is not known here: a range, and an upper bound.

The range is a rule of thumb. Tokenizers of large vocabularies make a token of 3 to 5 characters of Latin script, spaces included,
and ½ to 1½ tokens of any other character.
The upper bound holds for every tokenizer in use: a token is at least one byte of the text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

RULE = "estimated from characters, 3–5 Latin or ⅔–2 others per token"
_TEMPLATE_LEAST, _TEMPLATE_MOST = 3, 40
"""Tokens that a chat template adds to each message."""
PROMPT_MOST = 256
"""Tokens that a template may add to a whole request: dates, a system prompt of the model's own, the form of the reply."""


@dataclass(frozen=True, slots=True)
class Range:
    """From and to."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def times(self, number: float) -> "Range":
        """Return the range of so many of these."""
        return Range(self.low * number, self.high * number)

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def estimated(text: str) -> Range:
    """Return how many tokens a text probably is."""
    latin = len(text.encode("latin-1", "ignore"))  # much faster than looking at each character
    others = len(text) - latin
    return Range(latin / 5 + others / 2, latin / 3 + others * 1.5)


def estimated_messages(messages: Iterable[Mapping[str, str]]) -> Range:
    """Return how many tokens the messages of a request probably are, with what a chat template adds."""
    template = Range(_TEMPLATE_LEAST, _TEMPLATE_MOST)
    return sum((estimated(message["content"]) + template for message in messages), Range())


def most(text: str) -> int:
    """Return how many tokens a text is at most: its bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def most_messages(messages: Iterable[Mapping[str, str]]) -> int:
    """Return how many tokens the messages of a request are at most, with what a chat template adds."""
    return PROMPT_MOST + sum(most(message["content"]) + _TEMPLATE_MOST for message in messages)
