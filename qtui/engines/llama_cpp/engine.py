"""GGUF models on llama.cpp: many answers in one `llama_decode`; a slot is refilled as soon as its answer ends.

Each step either reads the prompts of refilled slots or decodes one token of every active answer, in the order of their sequences.
The shared beginning of all prompts is decoded once and stays in every slot. With one slot each answer is computed alone, so it does
not depend on other answers: this mode is reproducible to the bit.
"""

import ctypes
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from qtui.engines.decoding import answer_text, prompt_hash
from qtui.engines.decoding.answer_text import AnswerText
from qtui.engines.decoding.meter import Meter
from qtui.engines.decoding.thought_budget import ThoughtBudget
from qtui.engines.llama_cpp import native_log
from qtui.engines.llama_cpp import sampling as llama_sampling
from qtui.engines.llama_cpp.batch import LlamaBatch
from qtui.engines.llama_cpp.context import LlamaContext
from qtui.engines.llama_cpp.model import LlamaModel
from qtui.engines.prompts.end_tokens import EndTokens
from qtui.engines.prompts.thought_markers import ids_with_markers
from qtui.engines.protocol.answering import Answered, Progress, Request, Unanswered
from qtui.errors import UserError
from qtui.variant_facts import VariantFacts


@dataclass(slots=True)
class _Slot:
    """One active answer, in one sequence of the context."""

    sequence: int
    request: Request
    prompt: NDArray[np.int32]
    token_budget: int
    end_ids: frozenset[int]
    """Tokens that end this answer."""
    chain: Any
    """The native sampler chain; None for greedy sampling, which is done for a whole batch at once."""
    text: AnswerText
    budget: ThoughtBudget
    started: float = field(default_factory=time.perf_counter)
    position: int = 0
    """Tokens of this sequence that are in the context or in the batch."""
    generated: int = 0
    """Tokens drawn, the end token included."""
    last: int = -1
    """The newest token, not decoded yet; -1 while the prompt is being read."""
    row: int = -1
    """The row of the batch whose logits give the next token; -1 if there is none in this batch."""
    output: int = -1
    """The index of that row among the batch's rows with logits; -1 before the first one."""


@dataclass(eq=False)
class LlamaCppEngine:
    """A loaded GGUF model with all that the requests of one job need; created by `loading.load_engine`."""

    model: LlamaModel
    end_tokens: EndTokens
    thought_markers: dict[int, bytes]
    """Special tokens that mark thoughts, with their texts."""
    thinking_budget: int | None
    """Tokens after which a thought is closed; None is no limit."""
    prompts: dict[int, list[int]]
    """Token ids by the index of the request."""
    context: int
    """Tokens per answer, prompt included."""
    shared: int
    """Number of tokens that all prompts begin with, which are decoded once; 0 if the prompts share none."""
    threads: int
    cache: LlamaContext
    batch: LlamaBatch
    gpu_bytes: Callable[[], int] | None
    """Returns the growth of GPU memory in use since loading began, in bytes."""
    loaded_facts: VariantFacts
    meter: Meter = field(default_factory=Meter)

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Answer all requests; see `Engine.answer`. Raises UserError if the model computes NaN."""
        self.meter = Meter(gpu_bytes=self.gpu_bytes)
        # The longest answers start first: short ones then fill the gaps, and few slots are idle while the last answers end.
        waiting = deque(sorted(requests, key=self.longest_first))
        free = list(range(self.cache.slots - 1, -1, -1))
        active: list[_Slot] = []
        self._decode_shared_beginning(requests)
        while waiting or active:
            while free and waiting:
                slot = self._start_answer(waiting.popleft(), free[-1])
                if isinstance(slot, Unanswered):
                    yield slot
                else:
                    # Kept in the order of sequences, because llama.cpp computes only adjacent sequences in one pass.
                    insort(active, slot, key=_sequence)
                    free.pop()
            began = time.perf_counter()
            tokens_read = self._decode_step(active)
            with_logits = [slot for slot in active if slot.row >= 0]
            tokens = self._draw_tokens(with_logits)
            self.meter.step(
                time.perf_counter() - began,
                read=tokens_read,
                drawn=len(with_logits),
                slots=self.cache.slots,
                active=len(active),
            )
            for slot, token in zip(with_logits, tokens, strict=True):
                answered = self._add_token(slot, token)
                if answered:
                    active.remove(slot)
                    free.append(slot.sequence)
                    yield answered
            if not waiting:
                self._close_gaps(active)
            progress = self.meter.due(len(active))
            if progress:
                yield progress

    def facts(self) -> VariantFacts:
        """Return what was measured while answering."""
        return self.meter.facts()

    def _decode_shared_beginning(self, requests: Sequence[Request]) -> None:
        """Decode the prompts' shared beginning in the first sequence and copy it to the others."""
        memory = self.cache.memory
        llama_cpp.llama_memory_clear(memory, False)
        if not self.shared:
            return
        began = time.perf_counter()
        prefix = np.array(self.prompts[requests[0].index][: self.shared], np.int32)
        for start in range(0, self.shared, self.batch.size):
            self.batch.clear()
            self.batch.add_run(prefix[start : start + self.batch.size], start, 0, wants_logits=False)
            self._decode_batch()
        for sequence in range(1, self.cache.slots):
            llama_cpp.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
        self.meter.step(time.perf_counter() - began, read=self.shared, drawn=0, slots=0, active=0)

    def longest_first(self, request: Request) -> tuple[int, int, int]:
        """Return a sort key: the greatest possible length of prompt and answer, then that of the prompt, the longest first."""
        length = len(self.prompts[request.index])
        return -min(self.context, length + request.sampling.max_tokens), -length, request.index

    def _start_answer(self, request: Request, sequence: int) -> _Slot | Unanswered:
        """Return a slot for the answer in this sequence, with nothing decoded but the shared beginning; or why there is none."""
        prompt = self.prompts[request.index]
        token_budget = answer_text.token_budget(len(prompt), request.sampling, self.context)
        if token_budget <= 0:
            return Unanswered(request.index, answer_text.too_long_message(len(prompt), self.context))
        if not prompt:
            return Unanswered(request.index, answer_text.EMPTY)
        self.meter.prompt_tokens += len(prompt)
        greedy = llama_sampling.is_greedy(request.sampling)
        return _Slot(
            sequence=sequence,
            request=request,
            prompt=np.array(prompt, np.int32),
            token_budget=token_budget,
            end_ids=self.end_tokens.for_sampling(request.sampling),
            chain=None if greedy else llama_sampling.chain(request.sampling, prompt, self.model.size),
            text=AnswerText(request.sampling.stop),
            budget=ThoughtBudget(
                self.thinking_budget,
                request.prompt,
                lambda text: ids_with_markers(text, self.model, request.prompt.thinking_tags),
            ),
            position=self.shared,
        )

    def _close_gaps(self, active: list[_Slot]) -> None:
        """Move answers into the sequences of answers that ended: llama.cpp computes only adjacent sequences in one pass."""
        memory = self.cache.memory
        while active and active[-1].sequence >= len(active):
            occupied = {slot.sequence for slot in active}
            gap = next(sequence for sequence in range(len(active)) if sequence not in occupied)
            moved = active.pop()
            llama_cpp.llama_memory_seq_rm(memory, gap, -1, -1)
            llama_cpp.llama_memory_seq_cp(memory, moved.sequence, gap, -1, -1)
            llama_cpp.llama_memory_seq_rm(memory, moved.sequence, -1, -1)
            moved.sequence = gap
            insort(active, moved, key=_sequence)

    def _decode_step(self, active: Sequence[_Slot]) -> int:
        """Decode new prompts, as far as they fit into a batch; if there are none, one token of each answer.

        Returns how many prompt tokens were decoded.

        A batch never mixes the two: the slots have separate cells, so llama.cpp would split a mixed batch into many passes, and the
        answers would no longer advance together.
        """
        batch = self.batch
        batch.clear()
        for slot in active:
            slot.row = -1
        is_reading = any(slot.last < 0 for slot in active)
        decoding = [] if is_reading else active
        batch.add_one_each(
            [slot.last for slot in decoding], [slot.position for slot in decoding], [slot.sequence for slot in decoding]
        )
        for row, slot in enumerate(decoding):
            slot.row = slot.output = row
            slot.position += 1
        outputs, tokens_read = len(decoding), 0
        for slot in active:
            piece = slot.prompt[slot.position : slot.position + batch.left]
            if slot.last >= 0 or not len(piece):
                continue
            is_last = slot.position + len(piece) == len(slot.prompt)
            row = batch.add_run(piece, slot.position, slot.sequence, wants_logits=is_last)
            slot.position += len(piece)
            tokens_read += len(piece)
            if is_last:
                slot.row, slot.output = row, outputs
                outputs += 1
        if batch.count:
            self._decode_batch()
        return tokens_read

    def _decode_batch(self) -> None:
        code = llama_cpp.llama_decode(self.cache.native, self.batch.native)
        if code:
            raise UserError(f"{self.model.path}: llama.cpp stopped computing (code {code}): {native_log.last_error()}")

    def _draw_tokens(self, with_logits: Sequence[_Slot]) -> list[int]:
        """Return the next token of each of these answers, which are all that have logits in this batch."""
        if not with_logits:
            return []
        logits = self._logits(len(with_logits))
        first_tokens = [slot.output for slot in with_logits if not slot.generated]
        if first_tokens and not np.isfinite(logits[first_tokens]).all():
            raise UserError(f"{self.model.path}: the model computes NaN; its weights are damaged")
        likeliest = logits.argmax(axis=1).tolist() if any(slot.chain is None for slot in with_logits) else []
        return [
            likeliest[slot.output]
            if slot.chain is None
            else llama_cpp.llama_sampler_sample(slot.chain, self.cache.native, slot.row)
            for slot in with_logits
        ]

    def _logits(self, rows: int) -> NDArray[np.float32]:
        """Return this batch's logits, shape (rows, vocabulary), in the library's memory: valid until the next batch."""
        first = ctypes.addressof(llama_cpp.llama_get_logits(self.cache.native).contents)
        values: Any = (ctypes.c_float * (rows * self.model.size)).from_address(first)
        logits: NDArray[np.float32] = np.frombuffer(values, np.float32).reshape(rows, self.model.size)
        return logits

    def _add_token(self, slot: _Slot, token: int) -> Answered | None:
        """Add a token to its answer. Returns the answer if this was its last token."""
        is_given = slot.budget.is_closing
        token = slot.budget.take() if is_given else token
        slot.last = token
        slot.generated += 1
        if token in slot.end_ids and not is_given:
            return self._finish_answer(slot, "stop", slot.generated - 1)
        self.meter.completion_tokens += 1
        if slot.text.add(self.model.piece(token), self.thought_markers.get(token, b"")):
            return self._finish_answer(slot, "stop", slot.generated)
        slot.budget.check(slot.text, slot.generated)
        return self._finish_answer(slot, "length", slot.generated) if slot.generated >= slot.token_budget else None

    def _finish_answer(self, slot: _Slot, reason: Any, tokens: int) -> Answered:
        """Free the sequence of a complete answer, except for the shared beginning, and return the answer."""
        llama_cpp.llama_memory_seq_rm(self.cache.memory, slot.sequence, self.shared, -1)
        if slot.chain is not None:
            llama_cpp.llama_sampler_free(slot.chain)
        text, thoughts = slot.text.split(slot.request.prompt)
        return Answered(
            index=slot.request.index,
            text=text,
            thoughts=thoughts,
            finish_reason=reason,
            prompt_tokens=len(slot.prompt),
            prompt_ids_hash=prompt_hash.hash_of(slot.prompt),
            completion_tokens=tokens,
            seconds=time.perf_counter() - slot.started,
        )


def _sequence(slot: _Slot) -> int:
    return slot.sequence
