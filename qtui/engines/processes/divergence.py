"""The process that compares two variants token by token.

`python -m qtui.engines.processes.divergence`, with the messages of `protocol.divergence`.
Both models read the baseline's answers, some tokens of several answers at a time, so that only the logits of one chunk are in
memory. The answer's text is tokenized again, because the store keeps texts; the model rarely wrote a text with other tokens. The
figures include how many tokens are the baseline's choice.

An answer that ended by itself includes the end token, because quantization changes when models stop. If there are several end
tokens, it is the one most likely for the baseline at that place. Answers that a stop text ended have no end token; they are
recognized by having had more tokens than their text.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from qtui.engines import compute, loading, planning
from qtui.engines.decoding.answer_text import EMPTY
from qtui.engines.decoding.meter import INTERVAL, peak_rss
from qtui.engines.divergence.divergence_answer import Tokens, divergence_record, split_answer
from qtui.engines.divergence.scoring import FedTokens, Piece, Scorer, cells_needed, chunks, groups
from qtui.engines.divergence.token_divergence import Positions, compare
from qtui.engines.planning import Plan
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Job, Loading, MissingItems, Request
from qtui.engines.protocol.divergence import (
    Comparison,
    ComparisonFinished,
    ComparisonProgress,
    ContentKeys,
    MeasuredAnswer,
    ModelsLoaded,
)
from qtui.engines.weights.finding import WeightsFinder
from qtui.errors import UserError
from qtui.processes import header, log
from qtui.records import VariantSpec, content_hash

KEY_VERSION = 1
"""Increased when a new version of qtui would compute other figures under the same conditions."""

MOST_THREADS = 8


def work(incoming: BinaryIO, send: child.Send) -> None:
    """Compare two variants. Raises UserError if they cannot be loaded or do not share prompts and a tokenizer."""
    comparison = child.read_message(incoming, Comparison)
    for variant in (comparison.baseline, comparison.candidate):
        log.note(*header.variant(variant, comparison.sampling))
    finder = WeightsFinder(send)
    plans = [_plan(comparison, variant, finder) for variant in (comparison.baseline, comparison.candidate)]
    log.note(*(header.weights(plan.path, plan.planned.facts.file_bytes) for plan in plans))
    content_keys = _content_keys(comparison, plans)
    send(content_keys)
    missing = child.read_message(incoming, MissingItems).indices
    child.die_with_pipe(incoming)
    if not missing:
        send(ComparisonFinished())
        return
    compute.hide_unused_gpus(*(plan.compute for plan in plans))
    send(Loading("loading weights"))
    baseline, candidate = _load(comparison, plans, send)
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        measuring = _Measuring(comparison, plans[0], content_keys.keys, baseline, candidate, threads)
        for message in measuring.measure(missing):
            send(message)
    send(measuring.summary())


def _plan(comparison: Comparison, variant: VariantSpec, finder: WeightsFinder) -> Plan:
    if variant.engine == "openai":
        raise UserError(
            f"{variant.model} {variant.name}: an endpoint does not return the probabilities of all tokens, so divergence cannot be "
            "computed"
        )
    job = Job(
        variant,
        comparison.sampling,
        comparison.prompt,
        comparison.items,
        allows_cpu=comparison.allows_cpu,
        date=comparison.date,
    )
    return planning.plan(job, finder)


def _content_keys(comparison: Comparison, plans: Sequence[Plan]) -> ContentKeys:
    if plans[0].planned.prompt_hash != plans[1].planned.prompt_hash:
        raise UserError(
            f"{comparison.baseline.name} and {comparison.candidate.name} get different prompts; set one prompt for the model"
        )
    sides = [
        _side(variant, plan)
        for variant, plan in zip((comparison.baseline, comparison.candidate), plans, strict=True)
    ]  # fmt: skip
    keys = [
        content_hash(
            "divergence",
            KEY_VERSION,
            sides,
            answer.key,
            planning.prompt_values(plans[0].prompts[answer.item]),
            answer.finish_reason,
        )
        for answer in comparison.answers
    ]
    return ContentKeys(keys, plans[0].planned.prompt_hash, plans[0].fingerprint, plans[1].fingerprint)


def _side(variant: VariantSpec, plan: Plan) -> list[object]:
    assert plan.weights is not None
    return [
        variant.engine,
        plan.fingerprint,
        *planning.how_computed(variant, plan.weights, plan.engine_version, plan.compute.accelerator),
    ]


def _load(comparison: Comparison, plans: Sequence[Plan], send: child.Send) -> tuple[Scorer, Scorer]:
    """Both models. If they are the same model, its weights are loaded once."""
    requests = [Request(i, prompt, comparison.sampling) for i, prompt in enumerate(plans[0].prompts)]
    started = time.perf_counter()
    baseline = loading.load_scorer(comparison.baseline, plans[0], requests, send)
    if _side(comparison.baseline, plans[0]) == _side(comparison.candidate, plans[1]):
        candidate, candidate_facts = baseline.twin(), None
    else:
        candidate = loading.load_scorer(comparison.candidate, plans[1], requests, send)
        candidate_facts = candidate.loaded_facts
    send(ModelsLoaded(baseline.loaded_facts, candidate_facts, time.perf_counter() - started))
    return baseline, candidate


@dataclass(frozen=True, slots=True)
class _Answer:
    index: int
    """Into `Comparison.given`."""
    tokens: Tokens
    fed: FedTokens


@dataclass(slots=True)
class _Measuring:
    comparison: Comparison
    plan: Plan
    keys: list[str]
    baseline: Scorer
    candidate: Scorer
    threads: Executor
    common: int = field(init=False)
    """Size of the vocabulary that both models share. Further rows of one model are padding."""
    started: float = field(default_factory=time.perf_counter)
    fed: int = 0
    scored: int = 0
    total_tokens: int = 0
    _reported: float = 0.0

    def __post_init__(self) -> None:
        self.common = min(self.baseline.size, self.candidate.size)
        if self.common < max(self.baseline.named, self.candidate.named):
            raise UserError(
                f"{self._names()} do not share a tokenizer: {self.baseline.size:,} tokens and {self.candidate.size:,}"
            )

    def measure(self, missing: Sequence[int]) -> Iterator[MeasuredAnswer | ComparisonProgress]:
        """Yield each answer's divergence as soon as it is measured, shorter answers first, and progress between them."""
        answers = [self._answer(index) for index in missing]
        lengths = [len(answer.fed.ids) for answer in answers]
        self.total_tokens = sum(lengths)
        for scorer in (self.baseline, self.candidate):
            scorer.reserve(cells_needed(lengths))
        self.started = time.perf_counter()
        for group in groups(lengths):
            yield from self._measure_group([answers[i] for i in group])

    def summary(self) -> ComparisonFinished:
        return ComparisonFinished(self.fed, self.scored, time.perf_counter() - self.started, peak_rss())

    def _answer(self, index: int) -> _Answer:
        """Return an answer as tokens. Raises UserError if the two models split its prompt or text differently."""
        answer = self.comparison.answers[index]
        prompt = self.plan.prompts[answer.item]
        task = self.comparison.items[answer.item].task
        stop = self.comparison.sampling.stop
        tokens, others = (split_answer(scorer, prompt, answer, stop=stop) for scorer in (self.baseline, self.candidate))
        if tokens != others:
            part = "prompt" if tokens.prompt != others.prompt else "answer"
            raise UserError(
                f"task {task}: {self._names()} do not share a tokenizer: they split the {part} into different tokens"
            )
        if not tokens.prompt:
            raise UserError(f"task {task}: {EMPTY}")
        return _Answer(index, tokens, tokens.fed)

    def _names(self) -> str:
        return (
            f"{self.comparison.baseline.name} and {self.comparison.candidate.name} of {self.comparison.baseline.model}"
        )

    def _measure_group(self, group: list[_Answer]) -> Iterator[MeasuredAnswer | ComparisonProgress]:
        positions_of: list[list[Positions]] = [[] for _ in group]
        yield from (self._measured(answer, []) for answer in group if not answer.fed.ids)
        for scorer in (self.baseline, self.candidate):
            scorer.begin(len(group))
        for pieces in chunks([answer.fed for answer in group]):
            for piece, positions in zip(pieces, self._compare(group, pieces), strict=True):
                answer, parts = group[piece.row], positions_of[piece.row]
                parts.append(positions)
                if piece.start + len(piece.ids) == len(answer.fed.ids):
                    yield self._measured(answer, parts)
                    parts.clear()
            if time.perf_counter() - self._reported >= INTERVAL:
                self._reported = time.perf_counter()
                yield ComparisonProgress(self.fed, self.total_tokens, self._reported - self.started)

    def _compare(self, group: list[_Answer], pieces: list[Piece]) -> list[Positions]:
        """Feed one chunk to both models. Returns the figures of each piece."""
        logits = [scorer.feed(pieces)[:, : self.common] for scorer in (self.baseline, self.candidate)]
        chosen: list[int] = []
        for piece in pieces:
            answer = group[piece.row]
            first = piece.start + len(piece.ids) - piece.scored - answer.fed.first
            answer_ids = answer.tokens.answer[first : first + piece.scored]
            chosen += answer_ids
            if len(answer_ids) < piece.scored:
                chosen.append(self._end(logits[0][len(chosen)]))
        self.fed += sum(len(piece.ids) for piece in pieces)
        self.scored += len(chosen)
        whole = compare(logits[0], logits[1], np.array(chosen, np.int64), self.threads)
        stops = accumulate(piece.scored for piece in pieces)
        return [whole.part(stop - piece.scored, stop) for piece, stop in zip(pieces, stops, strict=True)]

    def _end(self, logits: NDArray[np.float32]) -> int:
        """The end token that is most likely for the baseline."""
        end_ids = sorted(token for token in self.baseline.end_ids if token < self.common)
        if not end_ids:
            raise UserError(
                f"{self.comparison.baseline.name}: an answer ended with an end token, but the model has none"
            )
        return end_ids[int(logits[end_ids].argmax())]

    def _measured(self, answer: _Answer, parts: list[Positions]) -> MeasuredAnswer:
        return MeasuredAnswer(
            answer.index, divergence_record(self.keys[answer.index], answer.tokens, parts, self.baseline)
        )


if __name__ == "__main__":
    child.run(work)
