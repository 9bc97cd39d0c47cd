"""GGUF models on llama.cpp: many answers in one `llama_decode`, a slot refilled the moment its answer ends.

Each step decodes one token of every answer under way and fills what is left of the batch with pieces of waiting prompts.
Sampling is done by chains in C; Python touches each slot once per step.
"""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil

from qtui.engines import answer_text, llama_log, llama_sampling
from qtui.engines.answer_text import AnswerText
from qtui.engines.llama_model import LlamaModel
from qtui.engines.meter import Meter
from qtui.engines.protocol import Answered, Loading, Progress, Report, Request, Unanswered
from qtui.errors import UserError
from qtui.records import VariantSpec

BATCH = 512
"""Tokens per llama_decode."""


@dataclass(slots=True)
class _Slot:
    """One answer under way in one sequence of the context."""

    sequence: int
    request: Request
    prompt: list[int]
    room: int
    chain: Any
    text: AnswerText
    started: float = field(default_factory=time.perf_counter)
    position: int = 0
    """Tokens of this sequence that are in the context or in the batch."""
    generated: int = 0
    """Tokens drawn, the end token included."""
    last: int = -1
    """The newest token, not decoded yet; -1 while the prompt is."""
    output: int = -1
    """Row of the batch whose logits the next token is drawn from; -1 if none in this batch."""


class LlamaCppEngine:
    def __init__(self, variant: VariantSpec, path: Path) -> None:
        self.variant = variant
        self.path = path
        self.meter = Meter()

    def load(self, requests: Sequence[Request], report: Report) -> dict[str, Any]:
        started = time.perf_counter()
        self.model = LlamaModel(
            self.path,
            space_after_special=answer_text.starts_spaced([request.prompt for request in requests]),
            progress=whole_percents(report),
        )
        self.prompts = {request.index: self.model.tokens(request.prompt) for request in requests}
        self.context = answer_text.context_needed(
            [len(self.prompts[request.index]) for request in requests],
            [request.sampling for request in requests],
            self.variant.context,
            self.model.trained_context,
        )
        self.slots = max(1, min(self.variant.slots, len(requests)))
        self.threads = self.variant.threads or physical_cores()
        self.native: Any = self._new_context()
        self.memory = llama_cpp.llama_get_memory(self.native)
        self.batch = llama_cpp.llama_batch_init(max(BATCH, self.slots), 0, 1)
        return self.model.facts() | {
            "load_seconds": time.perf_counter() - started,
            "slots": self.slots,
            "context": self.context,
            "threads": self.threads,
        }

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        self.meter = Meter()
        waiting = deque(requests)
        free = list(range(self.slots - 1, -1, -1))
        active: list[_Slot] = []
        while waiting or active:
            while free and waiting:
                slot = self._begin(waiting.popleft(), free[-1])
                if isinstance(slot, Unanswered):
                    yield slot
                else:
                    active.append(slot)
                    free.pop()
            self._decode(active)
            for slot in [slot for slot in active if slot.output >= 0]:
                answered = self._draw(slot)
                if answered:
                    active.remove(slot)
                    free.append(slot.sequence)
                    yield answered
            progress = self.meter.due(len(active))
            if progress:
                yield progress

    def facts(self) -> dict[str, Any]:
        return self.meter.facts()

    def _begin(self, request: Request, sequence: int) -> _Slot | Unanswered:
        prompt = self.prompts[request.index]
        room = answer_text.room(len(prompt), request.sampling, self.context)
        if room <= 0:
            return Unanswered(request.index, answer_text.too_long(len(prompt), self.context))
        if not prompt:
            return Unanswered(request.index, answer_text.EMPTY)
        return _Slot(
            sequence=sequence,
            request=request,
            prompt=prompt,
            room=room,
            chain=llama_sampling.chain(request.sampling, prompt, self.model.size),
            text=AnswerText(request.sampling.stop),
        )

    def _decode(self, active: list[_Slot]) -> None:
        """One token of each answer, then as much of the prompts as fits; all in one call."""
        self.batch.n_tokens = 0
        for slot in active:
            slot.output = -1
            if slot.last >= 0:
                slot.output = self._put(slot, slot.last, wants_logits=True)
        for slot in active:
            left = max(BATCH, self.slots) - self.batch.n_tokens
            for token in slot.prompt[slot.position : slot.position + left]:
                is_last = slot.position == len(slot.prompt) - 1
                row = self._put(slot, token, wants_logits=is_last)
                slot.output = row if is_last else -1
                self.meter.prompt_tokens += 1
        if not self.batch.n_tokens:
            return
        code = llama_cpp.llama_decode(self.native, self.batch)
        if code:
            raise UserError(f"{self.path}: llama.cpp stopped computing (code {code}): {llama_log.last_error()}")

    def _put(self, slot: _Slot, token: int, *, wants_logits: bool) -> int:
        batch, row = self.batch, self.batch.n_tokens
        batch.token[row] = token
        batch.pos[row] = slot.position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = slot.sequence
        batch.logits[row] = wants_logits
        batch.n_tokens = row + 1
        slot.position += 1
        return int(row)

    def _draw(self, slot: _Slot) -> Answered | None:
        """Draw the next token of one answer; the answer, if that was its last."""
        if not slot.generated:
            self._check_finite(slot.output)
        token: int = llama_cpp.llama_sampler_sample(slot.chain, self.native, slot.output)
        slot.last = token
        slot.generated += 1
        if self.model.ends(token):
            return self._end(slot, "stop", slot.generated - 1)
        self.meter.completion_tokens += 1
        if slot.text.add(self.model.piece(token)):
            return self._end(slot, "stop", slot.generated)
        return self._end(slot, "length", slot.generated) if slot.generated >= slot.room else None

    def _end(self, slot: _Slot, reason: Any, tokens: int) -> Answered:
        llama_cpp.llama_memory_seq_rm(self.memory, slot.sequence, -1, -1)
        llama_cpp.llama_sampler_free(slot.chain)
        return Answered(
            index=slot.request.index,
            text=slot.text.text,
            finish_reason=reason,
            prompt_tokens=len(slot.prompt),
            completion_tokens=tokens,
            seconds=time.perf_counter() - slot.started,
        )

    def _check_finite(self, row: int) -> None:
        logits = llama_cpp.llama_get_logits_ith(self.native, row)
        if not np.isfinite(np.ctypeslib.as_array(logits, shape=(self.model.size,))).all():
            raise UserError(
                f"{self.path}: the model computes values that are no numbers (NaN); its weights are damaged"
            )

    def _new_context(self) -> Any:
        settings = llama_cpp.llama_context_default_params()
        settings.n_seq_max = self.slots
        # In cells of its own per sequence, a batch that mixes prompts and single tokens is cut into several. On a CPU one buffer
        # for all is 1.1 to 1.4 times as fast (measured, 4 to 57 M parameters): its attention skips the cells of other answers.
        settings.kv_unified = not llama_cpp.llama_supports_gpu_offload()
        settings.n_ctx = self.slots * -(-self.context // 256) * 256
        settings.n_batch = max(BATCH, self.slots)
        settings.n_ubatch = settings.n_batch
        settings.n_threads = settings.n_threads_batch = self.threads
        settings.no_perf = True
        context = llama_cpp.llama_init_from_model(self.model.pointer, settings)
        if not context:
            raise UserError(
                f"{self.path}: no memory for {self.slots} answers of {self.context:,} tokens: {llama_log.last_error()}; "
                "set fewer slots or a smaller context"
            )
        return context


def physical_cores() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def whole_percents(report: Report) -> Any:
    last = -1

    def progress(fraction: float) -> None:
        nonlocal last
        if int(fraction * 100) > last:
            last = int(fraction * 100)
            report(Loading("loading weights", fraction))

    return progress
