"""llama.cpp's context and its cache of keys and values: as many slots as were asked for and as memory holds."""

import os
from dataclasses import dataclass
from typing import Any

import llama_cpp
import psutil

from qtui.device import memory as device_memory
from qtui.engines.llama_cpp import native_log
from qtui.engines.llama_cpp.model import LlamaModel
from qtui.errors import UserError

BATCH = 512
"""Tokens per llama_decode."""

_PADDING = 256
"""Tokens of a slot come in multiples of this."""
_OF_MEMORY = 0.8
"""What the cache may take of the memory that is free; computing takes some too."""


@dataclass(frozen=True, slots=True)
class LlamaContext:
    native: Any
    memory: Any
    slots: int
    batch: int
    """Tokens per llama_decode."""


def create(model: LlamaModel, *, slots: int, context: int, threads: int) -> LlamaContext:
    """A cache of `context` tokens for each slot; where memory is short there are fewer slots than asked for.

    Raises UserError where there is none for a single one.
    """
    slots = min(slots, max(1, _slots_in_memory(model, context)))
    while not (native := _new(model, slots, context, threads)):
        if slots == 1:
            raise UserError(
                f"{model.path}: no memory for an answer of {context:,} tokens: {native_log.last_error()}; "
                "set a smaller context or take smaller weights"
            )
        slots //= 2
    return LlamaContext(native, llama_cpp.llama_get_memory(native), slots, max(BATCH, slots))


def physical_cores() -> int:
    """How many threads llama.cpp computes with where nothing else is asked for: one for each core that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has, or what its container or its own limit leaves."""
    free, space = device_memory.memory().free, device_memory.address_space()
    return free if space is None else min(free, max(0, space.limit - space.used))


def _slots_in_memory(model: LlamaModel, context: int) -> int:
    if model.is_on_gpu:
        return model.size  # what a GPU has free is for llama.cpp to find out
    return int(free_memory() * _OF_MEMORY) // max(1, model.bytes_per_cell * _padded(context))


def _new(model: LlamaModel, slots: int, context: int, threads: int) -> Any:
    settings = llama_cpp.llama_context_default_params()
    settings.n_seq_max = slots
    # Each slot has cells of its own. In one buffer for all, each token's attention passes over the cells of every slot: measured
    # on a CPU with 150 M parameters, 8 and 16 slots, that takes 1.2 times as long in Q4_K_M and as long in F16.
    settings.kv_unified = False
    settings.n_ctx = slots * _padded(context)
    settings.n_batch = settings.n_ubatch = max(BATCH, slots)
    settings.n_threads = settings.n_threads_batch = threads
    # With a window of its own size, what slots share would be given up once it is behind the window.
    settings.swa_full = True
    settings.no_perf = True
    settings.offload_kqv = settings.op_offload = model.is_on_gpu
    return llama_cpp.llama_init_from_model(model.pointer, settings)


def _padded(context: int) -> int:
    return -(-context // _PADDING) * _PADDING
