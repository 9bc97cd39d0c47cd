"""Loads a Hugging Face checkpoint for the requests of one job: the model, the prompts' token ids, and how many rows fit."""

import time
from collections.abc import Sequence
from typing import Any

import torch
import transformers

from qtui.engines.decoding import answer_text, slot_count
from qtui.engines.device_choice import Compute
from qtui.engines.prompts.end_tokens import find_end_tokens
from qtui.engines.prompts.thought_markers import find_thought_markers
from qtui.engines.protocol.answering import Report, Request
from qtui.engines.transformers import cache_use, few_rows, remote_code, row_attention, row_cache
from qtui.engines.transformers import model as hub_model
from qtui.engines.transformers.cache_use import CacheUse
from qtui.engines.transformers.engine import TransformersEngine
from qtui.engines.transformers.tokenizer import HubTokenizer
from qtui.engines.weights.weights import Weights
from qtui.records import VariantSpec
from qtui.variant_facts import VariantFacts

OF_MEMORY = 0.8
"""Share of a GPU's free memory that the cache may use; computing needs some too."""


def load_engine(
    variant: VariantSpec, weights: Weights, compute: Compute, requests: Sequence[Request], report: Report
) -> TransformersEngine:
    """Return the engine, completely loaded. Raises UserError with the library's reason if that fails."""
    started = time.perf_counter()
    library: Any = transformers.logging
    library.set_verbosity_error()
    if variant.threads:
        torch.set_num_threads(variant.threads)
    remote_code.check(weights, allowed=variant.trust_remote_code)
    tokenizer = HubTokenizer(
        weights,
        trust_remote_code=variant.trust_remote_code,
        space_after_special=answer_text.spaces_after_special([request.prompt for request in requests]),
    )
    model = hub_model.load(variant, weights, compute.accelerator, report)
    end_tokens = find_end_tokens(requests, tokenizer, weights.path)
    prompts = {request.index: tokenizer.tokens(request.prompt) for request in requests}
    context = answer_text.context_needed(
        [len(prompts[request.index]) for request in requests],
        [request.sampling for request in requests],
        variant.context,
        getattr(model.config.get_text_config(), "max_position_embeddings", None),
    )
    may_cache = not remote_code.refuses_cache(model)
    refills = may_cache and row_cache.supports(model, context)
    use = CacheUse() if refills else cache_use.find_out(model, list(prompts.values()), may_cache=may_cache)
    is_on_cpu = model.device.type == "cpu"
    if is_on_cpu and refills:
        row_attention.install(model)
    if is_on_cpu:
        few_rows.install(model)
    slots_asked = slot_count.slots_for(variant, compute.accelerator)
    slots = max(1, min(slots_asked, len(requests), _slots_in_memory(model, context, slots_asked)))
    return TransformersEngine(
        model=model,
        tokenizer=tokenizer,
        end_tokens=end_tokens,
        thinking_budget=variant.thinking_budget,
        thought_markers=find_thought_markers(requests, tokenizer),
        prompts=prompts,
        context=context,
        slots=slots,
        cache_use=use,
        refills=refills,
        attends_by_row=is_on_cpu and refills,
        loaded_facts=VariantFacts(
            compute_notes=(*compute.notes, *use.notes),
            library=compute.report,
            parameters=sum(tensor.numel() for tensor in model.parameters()),
            load_seconds=time.perf_counter() - started,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            slots=slots,
            context=context,
            threads=torch.get_num_threads(),
            stop_tokens=tuple(tokenizer.library.convert_ids_to_tokens(sorted(end_tokens.always))),
        ),
    )


def _slots_in_memory(model: Any, context: int, slots_asked: int) -> int:
    """The number of full-length answers whose cache fits into the GPUs' free memory; on a CPU `slots_asked`."""
    if model.device.type != "cuda":
        return slots_asked
    free = sum(torch.cuda.mem_get_info(device)[0] for device in range(torch.cuda.device_count()))
    return int(free * OF_MEMORY) // (row_cache.bytes_per_cell(model) * context)
