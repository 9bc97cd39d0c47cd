"""Loads a GGUF model for the requests of one job: the model, the prompts' token ids, and a cache of the size they need."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from qtui.engines.decoding import answer_text, slot_count
from qtui.engines.device_choice import Compute
from qtui.engines.llama_cpp import context as llama_context
from qtui.engines.llama_cpp import gpu_memory
from qtui.engines.llama_cpp.batch import LlamaBatch
from qtui.engines.llama_cpp.engine import LlamaCppEngine
from qtui.engines.llama_cpp.model import LlamaModel
from qtui.engines.prompts.end_tokens import find_end_tokens
from qtui.engines.prompts.thought_markers import find_thought_markers
from qtui.engines.protocol.answering import Report, Request
from qtui.engines.protocol.loading_progress import whole_percents
from qtui.engines.weights.weights import Weights
from qtui.records import VariantSpec

SHARED = 8
"""Minimum length in tokens of a shared beginning: a shorter one saves too little."""


def load_engine(
    variant: VariantSpec, weights: Weights, compute: Compute, requests: Sequence[Request], report: Report
) -> LlamaCppEngine:
    """Return the engine, completely loaded. Raises UserError with llama.cpp's reason if that fails."""
    started = time.perf_counter()
    gpu_bytes = _gpu_bytes_since_now(compute)
    model = load_model(weights, compute, requests, report)
    end_tokens = find_end_tokens(requests, model, weights.path)
    prompts = {request.index: model.tokens(request.prompt) for request in requests}
    context = answer_text.context_needed(
        [len(prompts[request.index]) for request in requests],
        [request.sampling for request in requests],
        variant.context,
        model.trained_context,
    )
    slots = slot_count.slots_for(variant, compute.accelerator)
    shared = shared_tokens(list(prompts.values()), context) if slots > 1 and model.can_share else 0
    threads = variant.threads or llama_context.physical_cores()
    cache = llama_context.create(
        model, slots=max(1, min(slots, len(requests))), context=context, threads=threads
    )  # fmt: skip
    return LlamaCppEngine(
        model=model,
        end_tokens=end_tokens,
        thinking_budget=variant.thinking_budget,
        thought_markers=find_thought_markers(requests, model),
        prompts=prompts,
        context=context,
        shared=shared,
        threads=threads,
        cache=cache,
        batch=LlamaBatch(cache.batch),
        gpu_bytes=gpu_bytes,
        loaded_facts=replace(
            model.facts(),
            load_seconds=time.perf_counter() - started,
            slots=cache.slots,
            context=context,
            shared_prompt_tokens=shared,
            threads=threads,
            stop_tokens=tuple(model.texts_of(end_tokens.always)),
        ),
    )


def load_model(weights: Weights, compute: Compute, requests: Sequence[Request], report: Report) -> LlamaModel:
    """Return the model without a context. Its tokenizer is set up for the prompts of these requests."""
    return LlamaModel(
        weights,
        space_after_special=answer_text.spaces_after_special([request.prompt for request in requests]),
        compute=compute,
        progress=whole_percents(report, "loading weights"),
    )


def shared_tokens(prompts: list[list[int]], context: int) -> int:
    """Return the length in tokens of the prompts' shared beginning; 0 if it is too short.

    Each prompt keeps at least one token of its own.
    """
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)  # in lexicographic order, so these two differ first
    different = (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    shared = next(different, len(first))
    shared = min(shared, *(len(prompt) - 1 for prompt in prompts), context - 1)
    return shared if shared >= SHARED else 0


def _gpu_bytes_since_now(compute: Compute) -> Callable[[], int] | None:
    """A function that returns by how many bytes GPU memory in use has grown since this call; None for a model on the CPU."""
    if compute.accelerator == "cpu":
        return None
    before = gpu_memory.bytes_in_use()
    return lambda: max(0, gpu_memory.bytes_in_use() - before)
