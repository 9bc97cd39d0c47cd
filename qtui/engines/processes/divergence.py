"""The process that compares two variants token by token.

`python -m qtui.engines.processes.divergence`, with the messages of `protocol.divergence`.
The baseline's answers are fed to both, some tokens of several answers at a time, and only the logits of one chunk are held. What
is fed is the answer's text as the tokenizer takes it apart: the store keeps texts, and a text that a model wrote in other pieces
is rare; how many of its tokens are the baseline's own choice is told with the figures.

The end token is part of an answer that ended by itself: quantization changes when models stop. Of several end tokens it is the
one that the baseline finds likeliest there. Where stop texts were set it is left out of answers that ended by one of those: they
had more tokens than their text comes to.
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
from qtui.engines.divergence.divergence_answer import Tokens, divergence_of, taken_apart
from qtui.engines.divergence.scoring import Fed, Piece, Scorer, cells_needed, chunks, groups
from qtui.engines.divergence.token_divergence import Positions, compare
from qtui.engines.planning import Plan
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Job, Loading, Request, Wanted
from qtui.engines.protocol.divergence import AllMeasured, Comparison, Keyed, Measured, ModelsLoaded, Pace
from qtui.engines.weights.finding import WeightsFinder
from qtui.errors import UserError
from qtui.processes import header, log
from qtui.records import VariantSpec, content_hash

KEY_VERSION = 1
"""Goes up when qtui itself would come to other figures under the same conditions."""
MOST_THREADS = 8


def work(asked: BinaryIO, say: child.Say) -> None:
    comparison = child.read(asked, Comparison)
    for variant in (comparison.baseline, comparison.candidate):
        log.note(*header.variant(variant, comparison.sampling))
    finder = WeightsFinder(say)
    plans = [_plan(comparison, variant, finder) for variant in (comparison.baseline, comparison.candidate)]
    log.note(*(header.weights(plan.path, plan.planned.facts.file_bytes) for plan in plans))
    keyed = _keyed(comparison, plans)
    say(keyed)
    wanted = child.read(asked, Wanted).indices
    child.die_at_end_of(asked)
    if not wanted:
        say(AllMeasured())
        return
    compute.hide_unused_gpus(*(plan.compute for plan in plans))
    say(Loading("loading weights"))
    baseline, candidate = _load(comparison, plans, say)
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        measuring = _Measuring(comparison, plans[0], keyed.keys, baseline, candidate, threads)
        for message in measuring.measure(wanted):
            say(message)
    say(measuring.summary())


def _plan(comparison: Comparison, variant: VariantSpec, finder: WeightsFinder) -> Plan:
    if variant.engine == "openai":
        raise UserError(
            f"{variant.model} {variant.name}: an endpoint does not say how likely every token is, so divergence cannot be computed"
        )
    job = Job(variant, comparison.sampling, comparison.prompt, comparison.items, comparison.allows_cpu)
    return planning.plan(job, finder)


def _keyed(comparison: Comparison, plans: Sequence[Plan]) -> Keyed:
    if plans[0].planned.prompt_hash != plans[1].planned.prompt_hash:
        raise UserError(
            f"{comparison.baseline.name} and {comparison.candidate.name} are asked with different prompts; name one for the model"
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
            given.key,
            planning.prompt_values(plans[0].prompts[given.item]),
            given.finish_reason,
        )
        for given in comparison.given
    ]
    return Keyed(keys, plans[0].planned.prompt_hash, plans[0].fingerprint, plans[1].fingerprint)


def _side(variant: VariantSpec, plan: Plan) -> list[object]:
    assert plan.weights is not None
    return [
        variant.engine,
        plan.fingerprint,
        *planning.how_computed(variant, plan.weights, plan.engine_version, plan.compute.accelerator),
    ]


def _load(comparison: Comparison, plans: Sequence[Plan], say: child.Say) -> tuple[Scorer, Scorer]:
    """Both models; of one and the same the weights are in memory once."""
    requests = [Request(i, prompt, comparison.sampling) for i, prompt in enumerate(plans[0].prompts)]
    started = time.perf_counter()
    baseline = loading.load_scorer(comparison.baseline, plans[0], requests, say)
    if _side(comparison.baseline, plans[0]) == _side(comparison.candidate, plans[1]):
        candidate, candidate_facts = baseline.twin(), None
    else:
        candidate = loading.load_scorer(comparison.candidate, plans[1], requests, say)
        candidate_facts = candidate.loaded_facts
    say(ModelsLoaded(baseline.loaded_facts, candidate_facts, time.perf_counter() - started))
    return baseline, candidate


@dataclass(frozen=True, slots=True)
class _Answer:
    index: int
    """Into `Comparison.given`."""
    tokens: Tokens
    fed: Fed


@dataclass(slots=True)
class _Measuring:
    comparison: Comparison
    plan: Plan
    keys: list[str]
    baseline: Scorer
    candidate: Scorer
    threads: Executor
    common: int = field(init=False)
    """Tokens of the vocabulary that both sides have; what one has beyond them is padding."""
    started: float = field(default_factory=time.perf_counter)
    fed: int = 0
    scored: int = 0
    of: int = 0
    _told: float = 0.0

    def __post_init__(self) -> None:
        self.common = min(self.baseline.size, self.candidate.size)
        if self.common < max(self.baseline.named, self.candidate.named):
            raise UserError(
                f"{self._names()} do not share a tokenizer: {self.baseline.size:,} tokens and {self.candidate.size:,}"
            )

    def measure(self, wanted: Sequence[int]) -> Iterator[Measured | Pace]:
        """Each answer as soon as it is through, the shorter ones first."""
        answers = [self._answer(index) for index in wanted]
        lengths = [len(answer.fed.ids) for answer in answers]
        self.of = sum(lengths)
        for scorer in (self.baseline, self.candidate):
            scorer.reserve(cells_needed(lengths))
        self.started = time.perf_counter()
        for group in groups(lengths):
            yield from self._measure_group([answers[i] for i in group])

    def summary(self) -> AllMeasured:
        return AllMeasured(self.fed, self.scored, time.perf_counter() - self.started, peak_rss())

    def _answer(self, index: int) -> _Answer:
        """Raises UserError where the two sides take prompt or answer apart in different ways."""
        given = self.comparison.given[index]
        prompt = self.plan.prompts[given.item]
        task = self.comparison.items[given.item].task
        stop = self.comparison.sampling.stop
        tokens, others = (taken_apart(scorer, prompt, given, stop=stop) for scorer in (self.baseline, self.candidate))
        if tokens != others:
            what = "prompt" if tokens.prompt != others.prompt else "answer"
            raise UserError(
                f"task {task}: {self._names()} do not share a tokenizer: the {what} is other tokens to each"
            )
        if not tokens.prompt:
            raise UserError(f"task {task}: {EMPTY}")
        return _Answer(index, tokens, tokens.fed)

    def _names(self) -> str:
        return (
            f"{self.comparison.baseline.name} and {self.comparison.candidate.name} of {self.comparison.baseline.model}"
        )

    def _measure_group(self, group: list[_Answer]) -> Iterator[Measured | Pace]:
        found: list[list[Positions]] = [[] for _ in group]
        yield from (self._measured(answer, []) for answer in group if not answer.fed.ids)
        for scorer in (self.baseline, self.candidate):
            scorer.begin(len(group))
        for pieces in chunks([answer.fed for answer in group]):
            for piece, positions in zip(pieces, self._compare(group, pieces), strict=True):
                answer, parts = group[piece.row], found[piece.row]
                parts.append(positions)
                if piece.start + len(piece.ids) == len(answer.fed.ids):
                    yield self._measured(answer, parts)
                    parts.clear()
            if time.perf_counter() - self._told >= INTERVAL:
                self._told = time.perf_counter()
                yield Pace(self.fed, self.of, self._told - self.started)

    def _compare(self, group: list[_Answer], pieces: list[Piece]) -> list[Positions]:
        """One chunk through both models; what each piece comes to."""
        logits = [scorer.feed(pieces)[:, : self.common] for scorer in (self.baseline, self.candidate)]
        chosen: list[int] = []
        for piece in pieces:
            answer = group[piece.row]
            first = piece.start + len(piece.ids) - piece.scored - answer.fed.first
            own = answer.tokens.answer[first : first + piece.scored]
            chosen += own
            if len(own) < piece.scored:
                chosen.append(self._end(logits[0][len(chosen)]))
        self.fed += sum(len(piece.ids) for piece in pieces)
        self.scored += len(chosen)
        whole = compare(logits[0], logits[1], np.array(chosen, np.int64), self.threads)
        stops = accumulate(piece.scored for piece in pieces)
        return [whole.part(stop - piece.scored, stop) for piece, stop in zip(pieces, stops, strict=True)]

    def _end(self, logits: NDArray[np.float32]) -> int:
        """The end token that the baseline finds likeliest."""
        end_ids = sorted(token for token in self.baseline.end_ids if token < self.common)
        if not end_ids:
            raise UserError(
                f"{self.comparison.baseline.name}: an answer ended by itself, and the model has no end token"
            )
        return end_ids[int(logits[end_ids].argmax())]

    def _measured(self, answer: _Answer, parts: list[Positions]) -> Measured:
        return Measured(answer.index, divergence_of(self.keys[answer.index], answer.tokens, parts, self.baseline))


if __name__ == "__main__":
    child.run(work)
