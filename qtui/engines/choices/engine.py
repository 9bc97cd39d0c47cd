"""The choices of tasks scored by a model on this machine, task by task: what all choices begin with is read once."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qtui.engines.choices import continuations
from qtui.engines.choices.continuations import Choices
from qtui.engines.decoding import prompt_hash
from qtui.engines.decoding.meter import Meter
from qtui.engines.divergence.scoring import FedTokens, Scorer, cells_needed, chunks
from qtui.engines.protocol.answering import Answered, Progress, Request, Unanswered
from qtui.errors import UserError
from qtui.records import ChoiceScore
from qtui.variant_facts import VariantFacts


@dataclass(eq=False)
class ChoiceEngine:
    """An `Engine` whose answers are the likelihoods of choices."""

    scorer: Scorer
    set_context: int | None
    """The context that the experiment sets, in tokens."""
    meter: Meter = field(default_factory=Meter)

    @property
    def loaded_facts(self) -> VariantFacts:
        return self.scorer.loaded_facts

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Score all requests; see `Engine.answer`. Raises UserError if the model computes NaN."""
        self.meter = Meter()
        context = self.set_context or self.scorer.trained_context
        waiting: list[tuple[Request, Choices]] = []
        for request in requests:
            found = continuations.of_prompt(request.prompt, self.scorer.prompt_ids)
            if reason := continuations.why_unanswerable(found, request.prompt, context):
                yield Unanswered(request.index, reason)
            else:
                waiting.append((request, found))
        self.scorer.reserve(cells_needed([self._cells(found) for _, found in waiting]))
        for request, found in waiting:
            yield self._answer(request, found)
            if progress := self.meter.due(1):
                yield progress

    def facts(self) -> VariantFacts:
        return self.meter.facts()

    def _answer(self, request: Request, found: Choices) -> Answered:
        began = time.perf_counter()
        fed, row_of = continuations.rows(found)
        logits: list[NDArray[np.float32]] = []
        for group in continuations.groups(fed):
            logits += self._logits([fed[row] for row in group])
        scores = tuple(
            ChoiceScore(self._log_likelihood(logits[row], target), len(target), len(choice), choice)
            for row, target, choice in zip(row_of, found.targets, request.prompt.choices, strict=True)
        )
        best = continuations.likeliest(scores)
        self.meter.prompt_tokens += len(found.prompt)
        return Answered(
            index=request.index,
            text=best.text,
            finish_reason="stop",
            prompt_tokens=len(found.prompt),
            completion_tokens=best.tokens,
            seconds=time.perf_counter() - began,
            prompt_ids_hash=prompt_hash.hash_of(np.array(found.prompt, np.int32)),
            choice_scores=scores,
        )

    def _cells(self, found: Choices) -> int:
        """The most tokens that the choices of a task have in the cache at once."""
        fed, _ = continuations.rows(found)
        most = 0
        for group in continuations.groups(fed):
            together = [fed[row] for row in group]
            shared = self._shared(together)
            most = max(most, shared + sum(len(each.ids) - shared for each in together))
        return most

    def _shared(self, fed: Sequence[FedTokens]) -> int:
        return continuations.shared_tokens(fed) if len(fed) > 1 and self.scorer.can_spread else 0

    def _logits(self, fed: Sequence[FedTokens]) -> list[NDArray[np.float32]]:
        """Return the logits of each row's scored positions, shape (positions, vocabulary)."""
        began = time.perf_counter()
        shared = self._shared(fed)
        self.scorer.begin(1 if shared else len(fed))
        if shared:
            for pieces in chunks([FedTokens(fed[0].ids[:shared], shared)]):
                self.scorer.feed(pieces)
            self.scorer.spread(len(fed))
        parts: list[list[NDArray[np.float32]]] = [[] for _ in fed]
        for pieces in chunks(fed, shared):
            logits, start = self.scorer.feed(pieces), 0
            for piece in pieces:
                # A copy: the scorer's memory is overwritten by the next call.
                parts[piece.row].append(np.array(logits[start : start + piece.scored]))
                start += piece.scored
        read = shared + sum(len(each.ids) - shared for each in fed)
        self.meter.step(time.perf_counter() - began, read=read, drawn=0, slots=0, active=0)
        return [np.concatenate(each) for each in parts]

    def _log_likelihood(self, logits: NDArray[np.float32], target: list[int]) -> float:
        value = math.fsum(continuations.log_probabilities(logits, target))
        if not math.isfinite(value):
            raise UserError("the model computes NaN; its weights are damaged")
        return value
