"""llama.cpp's context and its cache of keys and values: as many slots as were asked for and as memory holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import psutil

from qtui.engines import llama_log
from qtui.engines.llama_model import LlamaModel
from qtui.errors import UserError

BATCH = 512
"""Tokens per llama_decode."""

_PADDING = 256
"""Cells come in multiples of this."""
_OF_MEMORY = 0.8
"""What the cache may take of the memory that is free; computing takes some too."""


@dataclass(frozen=True, slots=True)
class LlamaContext:
    native: Any
    memory: Any
    slots: int
    cells: int
    """Tokens that fit in the cache together."""
    batch: int
    """Tokens per llama_decode."""


def create(
    model: LlamaModel, *, needs: Sequence[int], shared: int, slots: int, context: int, threads: int
) -> LlamaContext:
    """`needs`: cells per answer at most, beside the `shared` ones; no answer has more than `context` tokens.

    Where memory is short the cache gets fewer cells, or where each slot has its own fewer slots; an answer then waits until there
    is room for it. Raises UserError where there is none for a single one.
    """
    # In cells of its own per sequence, a batch that mixes prompts and single tokens is cut into several. On a CPU one buffer
    # for all is 1.1 to 1.4 times as fast (measured, 4 to 57 M parameters): its attention skips the cells of other answers.
    unified = not llama_cpp.llama_supports_gpu_offload()
    most = _cells_in_memory(model) if unified else None
    while True:
        cells = _padded(shared + sum(sorted(needs)[-slots:])) if unified else slots * _padded(context)
        if most is not None:
            cells = min(cells, max(most, _padded(shared + max(needs, default=1))))
        native = _new(model, slots, cells, threads, unified)
        if native:
            return LlamaContext(native, llama_cpp.llama_get_memory(native), slots, cells, max(BATCH, slots))
        if slots == 1:
            raise UserError(
                f"{model.path}: no memory for an answer of {context:,} tokens: {llama_log.last_error()}; "
                "set a smaller context or take smaller weights"
            )
        slots //= 2


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has, or what its container leaves."""
    free = int(psutil.virtual_memory().available)
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used))


def _cells_in_memory(model: LlamaModel) -> int | None:
    each = model.bytes_per_cell
    return int(free_memory() * _OF_MEMORY) // each // _PADDING * _PADDING if each else None


def _new(model: LlamaModel, slots: int, cells: int, threads: int, unified: bool) -> Any:
    settings = llama_cpp.llama_context_default_params()
    settings.n_seq_max = slots
    settings.kv_unified = unified
    settings.n_ctx = cells
    settings.n_batch = settings.n_ubatch = max(BATCH, slots)
    settings.n_threads = settings.n_threads_batch = threads
    # A window's cells would be given up behind it, with what slots share.
    settings.swa_full = True
    settings.no_perf = True
    return llama_cpp.llama_init_from_model(model.pointer, settings)


def _padded(cells: int) -> int:
    return -(-cells // _PADDING) * _PADDING
