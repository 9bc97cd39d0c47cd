"""Choices as token ids after their prompt: the rule of lm-evaluation-harness (`TemplateLM._encode_pair`), on every engine.

White space at the end of the prompt is moved to the choice, prompt and choice are tokenized together, and the choice's tokens are
those after as many as the prompt has alone. So a choice gets the tokens that the model has learned for it in such a text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from qtui.engines.decoding import answer_text
from qtui.engines.divergence.scoring import ROWS, FedTokens
from qtui.engines.protocol.answering import Prompt
from qtui.records import ChoiceScore

Tokenize = Callable[[Prompt], list[int]]


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of one task as tokens."""

    prompt: list[int]
    """The ids of the prompt alone, without the white space at its end."""
    wholes: list[list[int]]
    """Per choice the ids of prompt and choice."""

    @property
    def targets(self) -> list[list[int]]:
        """Per choice the ids whose likelihood is summed."""
        return [whole[len(self.prompt) :] for whole in self.wholes]

    @property
    def longest(self) -> int:
        return max(map(len, self.wholes))


def of_prompt(prompt: Prompt, tokenize: Tokenize) -> Choices:
    """Return the tokens of a prompt's choices."""
    bare, space = without_space(prompt)

    def ids(text: str) -> list[int]:
        return tokenize(msgspec.structs.replace(prompt, text=text))

    return Choices(ids(bare.text), [ids(bare.text + space + each) for each in prompt.continuations])


def without_space(prompt: Prompt) -> tuple[Prompt, str]:
    """Return the prompt without the white space at its end, and that white space."""
    text = prompt.text.rstrip()
    return msgspec.structs.replace(prompt, text=text), prompt.text[len(text) :]


def why_unanswerable(found: Choices, prompt: Prompt, context: int | None) -> str:
    """Return why the choices cannot be scored; empty if they can."""
    if not found.prompt:
        return answer_text.EMPTY
    if context is not None and found.longest > context:
        return answer_text.too_long_message(found.longest, context)
    for number, target in enumerate(found.targets, start=1):
        if not target:
            return f"choice {number} ({prompt.choices[number - 1]!r}) adds no token to the prompt"
    return ""


def rows(found: Choices) -> tuple[list[FedTokens], list[int]]:
    """Return the rows to feed, and per choice its row: choices that differ only in their last token share one."""
    distinct: dict[tuple[int, ...], int] = {}
    row_of = [distinct.setdefault(tuple(whole[:-1]), len(distinct)) for whole in found.wholes]
    return [FedTokens(list(ids), len(found.prompt) - 1) for ids in distinct], row_of


def groups(fed: Sequence[FedTokens]) -> list[list[int]]:
    """Return the rows in groups that are fed together."""
    return [list(range(start, min(start + ROWS, len(fed)))) for start in range(0, len(fed), ROWS)]


def shared_tokens(fed: Sequence[FedTokens]) -> int:
    """Return how many tokens all rows begin with that need no logits."""
    first, last = min(each.ids for each in fed), max(each.ids for each in fed)  # in lexicographic order
    different = (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    return min(next(different, len(first)), *(each.first for each in fed))


def log_probabilities(logits: NDArray[np.float32], tokens: Sequence[int]) -> list[float]:
    """Return the natural logarithms of the probabilities of tokens. `logits` has the shape (tokens, vocabulary)."""
    wide = logits.astype(np.float64)
    most = wide.max(axis=1, keepdims=True)
    totals = np.log(np.exp(wide - most).sum(axis=1)) + most[:, 0]
    return [float(value) for value in wide[np.arange(len(tokens)), np.array(tokens)] - totals]


def likeliest(scores: Sequence[ChoiceScore]) -> ChoiceScore:
    """Return the choice with the greatest sum, the first of equals."""
    return max(scores, key=lambda each: each.log_likelihood)
