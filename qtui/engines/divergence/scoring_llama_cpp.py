"""Logits for fed tokens from a GGUF model: a chunk is one `llama_decode`, each answer one sequence."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from qtui.engines.device_choice import Compute
from qtui.engines.divergence.scoring import CHUNK, ROWS, Piece
from qtui.engines.llama_cpp import loading, native_log
from qtui.engines.llama_cpp.context import physical_cores
from qtui.engines.llama_cpp.model import LlamaModel
from qtui.engines.prompts import thought_markers
from qtui.engines.prompts.end_tokens import find_end_tokens
from qtui.engines.protocol.answering import Prompt, Report, Request
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.records import VariantSpec
from qtui.variant_facts import VariantFacts


def load_scorer(
    variant: VariantSpec, weights: Weights, compute: Compute, requests: Sequence[Request], report: Report
) -> "LlamaCppScorer":
    """Return the scorer for the prompts and sampling of these requests. Raises UserError with llama.cpp's reason on failure."""
    model = loading.load_model(weights, compute, requests, report)
    end_tokens = find_end_tokens(requests, model, weights.path)
    return LlamaCppScorer(variant, model, end_tokens.for_sampling(requests[0].sampling), model.facts())


class LlamaCppScorer:
    """A `Scorer` on llama.cpp."""

    def __init__(
        self, variant: VariantSpec, model: LlamaModel, end_ids: frozenset[int], loaded_facts: VariantFacts
    ) -> None:
        self.variant = variant
        self.model = model
        self.size, self.named = model.size, model.named
        self.end_ids = end_ids
        self.loaded_facts = loaded_facts
        self._context: Any = None

    @property
    def trained_context(self) -> int | None:
        return self.model.trained_context or None

    @property
    def can_spread(self) -> bool:
        return self.model.can_share

    def twin(self) -> "LlamaCppScorer":
        return LlamaCppScorer(self.variant, self.model, self.end_ids, self.loaded_facts)

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        return self.model.tokens(prompt)

    def answer_ids(self, text: str) -> list[int]:
        return thought_markers.answer_ids(text, self.model)

    def piece(self, token: int) -> bytes:
        return self.model.piece(token)

    def reserve(self, cells: int) -> None:
        settings = llama_cpp.llama_context_default_params()
        settings.n_seq_max = ROWS
        # One pool of cells for all rows: a group's answers may have any lengths.
        settings.kv_unified = True
        settings.n_ctx = -(-cells // 256) * 256
        settings.n_batch = settings.n_ubatch = CHUNK
        settings.n_threads = settings.n_threads_batch = self.variant.threads or physical_cores()
        # llama.cpp's flash attention sums in 16 bits on a CPU, so figures would depend on the rest of the batch. Measured between a
        # Q4_K_M and itself in another batch: a mean KL of 2e-5 with it, 2e-9 without.
        settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        settings.no_perf = True
        settings.offload_kqv = settings.op_offload = self.model.is_on_gpu
        self._context = llama_cpp.llama_init_from_model(self.model.pointer, settings)
        if not self._context:
            raise UserError(f"{self.model.path}: no memory for {cells:,} tokens: {native_log.last_error()}")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(CHUNK, 0, 1)

    def begin(self, rows: int) -> None:  # noqa: ARG002 - sequences need no announcement here
        llama_cpp.llama_memory_clear(self._memory, True)

    def spread(self, rows: int) -> None:
        for row in range(1, rows):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, row, -1, -1)

    def feed(self, pieces: Sequence[Piece]) -> NDArray[Any]:
        self._batch.n_tokens = 0
        for piece in pieces:
            self._put(piece)
        code = llama_cpp.llama_decode(self._context, self._batch)
        if code:
            raise UserError(f"{self.model.path}: llama.cpp stopped computing (code {code}): {native_log.last_error()}")
        scored = sum(piece.scored for piece in pieces)
        if not scored:
            return np.empty((0, self.size), np.float32)
        logits = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), shape=(scored, self.size))

    def _put(self, piece: Piece) -> None:
        batch, place = self._batch, self._batch.n_tokens
        unscored = len(piece.ids) - piece.scored
        for offset, token in enumerate(piece.ids):
            batch.token[place] = token
            batch.pos[place] = piece.start + offset
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = piece.row
            batch.logits[place] = offset >= unscored
            place += 1
        batch.n_tokens = place
