"""One engine with one architecture: greedy answers alone and in a batch, and the logits of fed tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtui.engines.divergence import scoring
from qtui.engines.divergence.scoring import FedTokens
from qtui.engines.planning import Plan
from qtui.engines.protocol.answering import Answered, Request
from qtui.engines.weights.weights import Weights
from qtui.records import VariantSpec
from tests.loaded_engine import loaded_engine
from tests.zoo.outcome import Difference

SLOTS = 3
"""Fewer than tasks, so that rows are refilled."""
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EngineSide:
    """A loaded engine with its greedy answers."""

    engine: Any
    vocabulary: Any
    """The engine's view of its tokens."""
    prompts: list[list[int]]
    """Token ids."""
    answers: list[list[int]]
    """The tokens of each answer, computed alone, an end token not included."""
    logits: list[Logits]
    """Before each token of an answer and after its last, shape (tokens + 1, vocabulary)."""
    scorer: "Fed"
    ends: tuple[str, ...]
    batched: list[Difference] = field(default_factory=list)
    """Where answers of a batch part from the answers alone."""


def load(spec: VariantSpec, plan: Plan, weights: Weights, requests: list[Request]) -> EngineSide:
    """Return the engine with its answers. `spec` has one slot. Raises UserError if it cannot be loaded or computes NaN."""
    engine = loaded_engine(spec, weights.path, requests)
    vocabulary = engine.tokenizer if spec.engine == "transformers" else engine.model
    prompts = [engine.prompts[number] for number in range(len(requests))]
    answers = _answers_alone(engine, vocabulary, requests)
    scorer = Fed(spec, plan, weights, requests)
    logits = scorer.score(prompts, answers)
    side = EngineSide(
        engine, vocabulary, prompts, answers, logits, scorer, tuple(sorted(engine.loaded_facts.stop_tokens))
    )
    for number, text in enumerate(_texts_of_a_batch(replace(spec, slots=SLOTS), weights, requests)):
        tokens = _equal_tokens(vocabulary, answers[number], text)
        if tokens is not None:
            side.batched.append(Difference(tokens, gap(logits[number][tokens])))
    return side


def gap(row: Logits) -> float:
    """How far apart the two highest logits are: what rounding must bridge to exchange them."""
    second, first = np.sort(row)[-2:]
    return float(first - second)


class Fed:
    """Logits of fed tokens, by the part of qtui that compares tokens: all answers in one group."""

    def __init__(self, spec: VariantSpec, plan: Plan, weights: Weights, requests: Sequence[Request]) -> None:
        loading: Any
        if spec.engine == "transformers":
            from qtui.engines.divergence import scoring_transformers as loading
        else:
            from qtui.engines.divergence import scoring_llama_cpp as loading
        self.scorer = loading.load_scorer(spec, weights, plan.compute, requests, lambda _: None)

    def score(self, prompts: list[list[int]], answers: list[list[int]]) -> list[Logits]:
        """Return the logits before each token of an answer and after its last, shape (tokens + 1, vocabulary)."""
        fed = [FedTokens(prompt + answer, len(prompt) - 1) for prompt, answer in zip(prompts, answers, strict=True)]
        self.scorer.reserve(scoring.cells_needed([len(each.ids) for each in fed]))
        self.scorer.begin(len(fed))
        found: list[list[Logits]] = [[] for _ in fed]
        for pieces in scoring.chunks(fed):
            logits, start = np.array(self.scorer.feed(pieces)), 0
            for piece in pieces:
                found[piece.row].append(logits[start : start + piece.scored])
                start += piece.scored
        return [np.concatenate(parts) for parts in found]


def _answers_alone(engine: Any, vocabulary: Any, requests: Sequence[Request]) -> list[list[int]]:
    """The tokens of all answers of an engine with one slot, which asks the vocabulary for the text of each in turn."""
    drawn: list[int] = []
    original = vocabulary.piece

    def piece(token: int) -> bytes:
        drawn.append(token)
        return bytes(original(token))

    vocabulary.piece = piece
    found: dict[int, list[int]] = {}
    for event in engine.answer(requests):
        if isinstance(event, Answered):
            found[event.index] = list(drawn)
            drawn.clear()
    del vocabulary.piece
    return [found[number] for number in range(len(requests))]


def _texts_of_a_batch(spec: VariantSpec, weights: Weights, requests: Sequence[Request]) -> list[str]:
    engine = loaded_engine(spec, weights.path, requests)
    answers = [event for event in engine.answer(requests) if isinstance(event, Answered)]
    found = {each.index: (each.thoughts and each.thoughts.whole) or each.text for each in answers}
    return [found[number] for number in range(len(requests))]


def _equal_tokens(vocabulary: Any, answer: Sequence[int], text: str) -> int | None:
    """How many tokens of an answer alone are also in the batch's text; None if the texts are equal."""
    pieces = [vocabulary.piece(token) for token in answer]
    if b"".join(pieces).decode(errors="replace") == text:
        return None
    # A character that is not complete yet is one sign in the text, whatever its bytes.
    beginnings = [
        b"".join(pieces[:count]).decode(errors="replace").rstrip("\ufffd") for count in range(len(pieces) + 1)
    ]
    return max(count for count, beginning in enumerate(beginnings) if text.startswith(beginning))
