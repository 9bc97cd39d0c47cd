"""llama.cpp's context with its key-value cache, for as many slots as requested and as fit into memory."""

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
"""A slot's tokens are rounded up to a multiple of this."""
_OF_MEMORY = 0.8
"""Share of the free memory that the cache may use; computing needs some too."""


@dataclass(frozen=True, slots=True)
class LlamaContext:
    """A context in memory; `native` and `memory` are llama.cpp's pointers."""

    native: Any
    memory: Any
    slots: int
    batch: int
    """Tokens per llama_decode."""


def create(model: LlamaModel, *, slots: int, context: int, threads: int) -> LlamaContext:
    """Return a context with `context` tokens per slot. If memory is short, it has fewer slots than requested.

    Raises UserError if there is no memory for one slot.
    """
    slots = min(slots, max(1, _slots_in_memory(model, context)))
    while not (native := _new(model, slots, context, threads)):
        if slots == 1:
            raise UserError(
                f"{model.path}: no memory for an answer of {context:,} tokens: {native_log.last_error()}; "
                "set a smaller context or use smaller weights"
            )
        slots //= 2
    return LlamaContext(native, llama_cpp.llama_get_memory(native), slots, max(BATCH, slots))


def physical_cores() -> int:
    """Return llama.cpp's default number of threads: one per physical core, limited to the cores allowed to this process."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def free_memory() -> int:
    """Return how many bytes this process may still allocate, within the machine's, container's and process's limits."""
    free, space = device_memory.memory().free, device_memory.address_space()
    return free if space is None else min(free, max(0, space.limit - space.used))


def _slots_in_memory(model: LlamaModel, context: int) -> int:
    if model.is_on_gpu:
        return model.size  # llama.cpp checks the GPU's free memory itself
    return int(free_memory() * _OF_MEMORY) // max(1, model.bytes_per_cell * _padded(context))


def _new(model: LlamaModel, slots: int, context: int, threads: int) -> Any:
    settings = llama_cpp.llama_context_default_params()
    settings.n_seq_max = slots
    # Each slot has separate cells. In one buffer for all, each token's attention reads the cells of every slot: measured on a CPU
    # with 150 M parameters, 8 and 16 slots, that takes 1.2 times as long in Q4_K_M and the same time in F16.
    settings.kv_unified = False
    settings.n_ctx = slots * _padded(context)
    settings.n_batch = settings.n_ubatch = max(BATCH, slots)
    settings.n_threads = settings.n_threads_batch = threads
    # A cache of the sliding window's size would drop the shared beginning of the prompts once it is behind the window.
    settings.swa_full = True
    settings.no_perf = True
    settings.offload_kqv = settings.op_offload = model.is_on_gpu
    return llama_cpp.llama_init_from_model(model.pointer, settings)


def _padded(context: int) -> int:
    return -(-context // _PADDING) * _PADDING
