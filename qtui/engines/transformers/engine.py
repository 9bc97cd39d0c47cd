"""Hugging Face checkpoints on transformers: a batch whose rows are refilled as soon as their answers end.

The loop calls the model's forward pass directly: `generate` would apply the checkpoint's generation_config and return a batch
only when its longest answer is complete. For models that do not support rows of unequal length (see `row_cache`), requests are
sorted by length and answered batch by batch; a row is removed from its batch when its answer ends.
"""

import gc
import inspect
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import torch
import transformers

from qtui.engines.decoding import answer_text, prompt_hash
from qtui.engines.decoding.answer_text import AnswerText
from qtui.engines.decoding.meter import Meter
from qtui.engines.decoding.thought_budget import ThoughtBudget
from qtui.engines.prompts.end_tokens import EndTokens
from qtui.engines.prompts.thought_markers import ids_with_markers
from qtui.engines.protocol.answering import Answered, Progress, Request, Unanswered
from qtui.engines.transformers import cache_use
from qtui.engines.transformers.cache_use import CacheUse
from qtui.engines.transformers.row_cache import RowCache
from qtui.engines.transformers.sampling import Sampler
from qtui.engines.transformers.tokenizer import HubTokenizer
from qtui.errors import UserError
from qtui.variant_facts import VariantFacts

REFILLED_SHARE = 8
"""On a GPU, free rows are refilled once their share of all rows is at least 1 / REFILLED_SHARE."""


@dataclass(slots=True)
class _Row:
    """One active answer, in one row of the batch."""

    request: Request
    prompt: list[int]
    token_budget: int
    end_ids: frozenset[int]
    """Tokens that end this answer."""
    sampler: Sampler
    text: AnswerText
    budget: ThoughtBudget
    started: float = field(default_factory=time.perf_counter)
    generated: int = 0
    """Tokens drawn, the end token included."""
    last: int = -1
    """The newest token."""
    is_given: bool = False
    """Whether the newest token closes a thought and was not drawn."""


@dataclass(eq=False)
class TransformersEngine:
    """A loaded checkpoint with all that the requests of one job need; created by `loading.load_engine`."""

    model: Any
    tokenizer: HubTokenizer
    end_tokens: EndTokens
    thought_markers: dict[int, bytes]
    """Special tokens that mark thoughts, with their texts."""
    thinking_budget: int | None
    """Tokens after which a thought is closed; None is no limit."""
    prompts: dict[int, list[int]]
    """Token ids by the index of the request."""
    context: int
    """Tokens per answer, prompt included."""
    slots: int
    """Rows of a batch; halved whenever memory runs out."""
    cache_use: CacheUse
    """How the model may use a cache."""
    refills: bool
    """Whether rows may have unequal lengths, so that a row can be refilled when its answer ends."""
    attends_by_row: bool
    """Whether each row's attention is computed for its own length (see `row_attention`)."""
    loaded_facts: VariantFacts
    meter: Meter = field(default_factory=Meter)

    def __post_init__(self) -> None:
        self.device = self.model.device
        parameters = inspect.signature(self.model.forward).parameters
        self._last_logits_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Answer all requests; see `Engine.answer`. Raises UserError if the model computes NaN."""
        self.meter = Meter()
        answerable = []
        for request in requests:
            reason = self._why_unanswerable(request)
            if reason:
                yield Unanswered(request.index, reason)
            else:
                answerable.append(request)
        yield from self._answer_all(answerable)

    def facts(self) -> VariantFacts:
        """Return what was measured while answering."""
        facts = self.meter.facts()
        if not torch.cuda.is_available():
            return facts
        devices = range(torch.cuda.device_count())
        return replace(facts, peak_gpu_bytes=sum(torch.cuda.max_memory_reserved(device) for device in devices))

    def _why_unanswerable(self, request: Request) -> str:
        """Return why a request cannot be answered; empty if it can."""
        length = len(self.prompts[request.index])
        if answer_text.token_budget(length, request.sampling, self.context) <= 0:
            return answer_text.too_long_message(length, self.context)
        return "" if length else answer_text.EMPTY

    def _answer_all(self, requests: Sequence[Request]) -> Iterator[Answered | Progress]:
        """Answer every request. Whenever memory runs out, the number of rows is halved."""
        unanswered = {request.index: request for request in requests}
        prompt_tokens = completion_tokens = 0
        while unanswered:
            # The longest answers start first: short ones then fill the gaps, and few rows are idle while the last answers end.
            waiting = sorted(unanswered.values(), key=lambda request: (-self.length(request), request.index))
            try:
                for event in self._answer_rows(deque(waiting)) if self.refills else self._answer_batches(waiting):
                    yield event
                    if isinstance(event, Answered):
                        del unanswered[event.index]
                        prompt_tokens += event.prompt_tokens
                        completion_tokens = self.meter.completion_tokens
            except torch.OutOfMemoryError:
                if self.slots == 1:
                    raise
                self.slots //= 2
            if unanswered:
                # These requests start again: their prompts, and tokens drawn since the last complete answer, are not counted.
                self.meter.prompt_tokens, self.meter.completion_tokens = prompt_tokens, completion_tokens
                gc.collect()
                torch.cuda.empty_cache()

    def length(self, request: Request) -> int:
        """Return a sort key: the greatest possible length of prompt and answer, then that of the prompt."""
        prompt = len(self.prompts[request.index])
        return min(self.context, prompt + request.sampling.max_tokens) * (1 << 32) + prompt

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def _answer_rows(self, waiting: deque[Request]) -> Iterator[Answered | Progress]:
        """Answer the requests in one batch, whose rows are refilled."""
        cache = RowCache(self.model, self.slots)
        rows: list[_Row] = []
        while waiting or rows:
            began, tokens_read = time.perf_counter(), 0
            if refills_now(self.slots, len(rows), len(waiting), is_gpu=self.device.type != "cpu"):
                first = len(rows)
                rows += [self._new_row(waiting.popleft()) for _ in range(min(len(waiting), self.slots - first))]
                logits = self._read_prompts(rows[first:], cache)
                tokens_read = sum(len(row.prompt) for row in rows[first:])
            else:
                first = 0
                mask, positions = cache.begin_step()
                ids = torch.tensor([[row.last] for row in rows], device=self.device)
                row_settings = {"row_lengths": [length + 1 for length in cache.lengths]} if self.attends_by_row else {}
                logits = self._forward(ids, mask, positions, cache, **row_settings)
                cache.end_step()
            drawn, active = _draw_tokens(rows[first:], logits), len(rows)
            # Idle rows are counted only in steps that decode a token of every row.
            self.meter.step(
                time.perf_counter() - began,
                read=tokens_read,
                drawn=len(drawn),
                slots=0 if tokens_read else self.slots,
                active=0 if tokens_read else active,
            )
            # From the last to the first, because the last row replaces a row that ended.
            for place in range(active - 1, first - 1, -1):
                answered = self._add_token(rows[place], drawn[place - first])
                if answered:
                    cache.drop(place)
                    rows[place] = rows[-1]
                    rows.pop()
                    yield answered
            progress = self.meter.due(len(rows))
            if progress:
                yield progress

    def _read_prompts(self, rows: list[_Row], cache: RowCache) -> torch.Tensor:
        """Read the prompts of new rows into the cache. Returns the logits after each prompt, shape (rows, vocabulary)."""
        ids, mask = self._pad_prompts([row.prompt for row in rows])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        new_cache = transformers.DynamicCache(config=self.model.config)
        logits = self._forward(ids, mask, positions, new_cache)
        self._check_finite(logits)
        self.meter.prompt_tokens += sum(len(row.prompt) for row in rows)
        for place, row in enumerate(rows):
            cache.put(len(cache.lengths), len(row.prompt), new_cache, place)
        return logits

    def _answer_batches(self, requests: list[Request]) -> Iterator[Answered | Progress]:
        """Answer the requests batch by batch, in their order. Where padding would change answers, a batch has one length."""
        lengths = [0 if self.cache_use.pads else len(self.prompts[request.index]) for request in requests]
        for _, group in groupby(sorted(zip(lengths, requests, strict=True), key=_padded_length), key=_padded_length):
            same = [request for _, request in group]
            for start in range(0, len(same), self.slots):
                yield from self._answer_batch(same[start : start + self.slots])

    def _check_finite(self, logits: torch.Tensor) -> None:
        if not torch.isfinite(logits).all():
            raise UserError(f"{self.tokenizer.folder}: the model computes NaN; its weights are damaged")

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def _answer_batch(self, requests: list[Request]) -> Iterator[Answered | Progress]:
        """Answer one batch. A row is removed when its answer ends."""
        rows = [self._new_row(request) for request in requests]
        ids, mask = self._pad_prompts([row.prompt for row in rows])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = cache_use.new_cache(self.model) if self.cache_use.has_cache else None
        logits = self._forward(ids, mask, positions, cache)
        self.meter.prompt_tokens += sum(len(row.prompt) for row in rows)
        self._check_finite(logits)
        while True:
            drawn = _draw_tokens(rows, logits)
            unfinished = []
            for place, (row, token) in enumerate(zip(rows, drawn, strict=True)):
                answered = self._add_token(row, token)
                if answered:
                    yield answered
                else:
                    unfinished.append(place)
            if not unfinished:
                return
            progress = self.meter.due(len(unfinished))
            if progress:
                yield progress
            if len(unfinished) < len(rows):
                kept = torch.tensor(unfinished, device=self.device)
                if cache is not None:
                    cache_use.keep_rows(cache, kept)
                ids, mask, positions = ids[kept], mask[kept], positions[kept]
                rows = [rows[place] for place in unfinished]
            new_ids = torch.tensor([[drawn[place]] for place in unfinished], device=self.device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            new_positions = positions[:, -1:] + 1
            # Without a cache the model reads every row from its beginning at each step.
            ids = torch.cat([ids, new_ids], dim=1) if cache is None else new_ids
            positions = torch.cat([positions, new_positions], dim=1) if cache is None else new_positions
            logits = self._forward(ids, mask, positions, cache)

    def _new_row(self, request: Request) -> _Row:
        prompt, tags = self.prompts[request.index], request.prompt.thinking_tags
        return _Row(
            request=request,
            prompt=prompt,
            token_budget=answer_text.token_budget(len(prompt), request.sampling, self.context),
            end_ids=self.end_tokens.for_sampling(request.sampling),
            sampler=Sampler(request.sampling, prompt, self.device),
            text=AnswerText(request.sampling.stop),
            budget=ThoughtBudget(
                self.thinking_budget, request.prompt, lambda text: ids_with_markers(text, self.tokenizer, tags)
            ),
        )

    def _pad_prompts(self, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token ids and mask, both (rows, longest prompt), padded on the left: all answers begin in one column."""
        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, prompt in enumerate(prompts):
            ids[place, longest - len(prompt) :] = torch.tensor(prompt)
            mask[place, longest - len(prompt) :] = 1
        return ids.to(self.device), mask.to(self.device)

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any, **row_settings: Any
    ) -> torch.Tensor:
        """Return the logits after the last token of each row, shape (rows, vocabulary), float32."""
        out = cache_use.forward(
            self.model,
            cache,
            self.cache_use.parameter,
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            **self._last_logits_only,
            **row_settings,
        )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def _add_token(self, row: _Row, token: int) -> Answered | None:
        """Add a token to its answer. Returns the answer if this was its last token."""
        row.last = token
        row.generated += 1
        if token in row.end_ids and not row.is_given:
            return _finish_answer(row, "stop", row.generated - 1)
        self.meter.completion_tokens += 1
        if row.text.add(self.tokenizer.piece(token), self.thought_markers.get(token, b"")):
            return _finish_answer(row, "stop", row.generated)
        row.budget.check(row.text, row.generated)
        return _finish_answer(row, "length", row.generated) if row.generated >= row.token_budget else None


def _padded_length(pair: tuple[int, Request]) -> int:
    return -pair[0]


def _draw_tokens(rows: list[_Row], logits: torch.Tensor) -> list[int]:
    """Return the next token of each row. `logits` has the shape (rows, vocabulary)."""
    if all(row.sampler.greedy for row in rows):
        drawn = [int(token) for token in logits.argmax(-1).tolist()]
    else:
        drawn = [row.sampler.draw(logits[place]) for place, row in enumerate(rows)]
    for row in rows:
        row.is_given = row.budget.is_closing
    return [row.budget.take() if row.is_given else token for row, token in zip(rows, drawn, strict=True)]


def _finish_answer(row: _Row, reason: Any, tokens: int) -> Answered:
    text, thoughts = row.text.split(row.request.prompt)
    return Answered(
        index=row.request.index,
        text=text,
        thoughts=thoughts,
        finish_reason=reason,
        prompt_tokens=len(row.prompt),
        prompt_ids_hash=prompt_hash.hash_of(row.prompt),
        completion_tokens=tokens,
        seconds=time.perf_counter() - row.started,
    )


def refills_now(slots: int, active: int, waiting: int, *, is_gpu: bool) -> bool:
    """Return whether prompts of the `waiting` requests are read into free slots now, before the `active` answers continue.

    A GPU reads one prompt in the time that it reads several, and active answers wait meanwhile. So several are read together.
    """
    free = slots - active
    if not free or not waiting:
        return False
    if not is_gpu or not active:
        return True
    return free >= min(waiting, max(1, slots // REFILLED_SHARE))
