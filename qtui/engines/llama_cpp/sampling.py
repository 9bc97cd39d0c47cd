"""Chains of llama.cpp's own samplers, by the same rules and in the same order as `transformers.sampling`.

Penalty, temperature, top-k, top-p, min-p, draw: the order of transformers. Only what was asked for is in a chain: no default of
the library's comes in.
"""

import ctypes
from typing import Any

import llama_cpp

from qtui.records import Sampling

_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp takes this seed to mean "any"."""


def is_greedy(sampling: Sampling) -> bool:
    """Whether the likeliest token of the untouched logits is taken: no chain is needed for that."""
    return sampling.temperature <= 0.0 and sampling.repetition_penalty == 1.0


def chain(sampling: Sampling, prompt: list[int], vocabulary: int) -> Any:
    """A chain for one answer, to be freed by the caller. The penalty covers prompt and answer, as transformers' does."""
    settings = llama_cpp.llama_sampler_chain_default_params()
    settings.no_perf = True
    made = llama_cpp.llama_sampler_chain_init(settings)

    def add(sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(made, sampler)

    if sampling.repetition_penalty != 1.0:
        window = len(prompt) + sampling.max_tokens
        add(llama_cpp.llama_sampler_init_penalties(vocabulary, window, sampling.repetition_penalty, 0.0, 0.0))
        for token in prompt:
            llama_cpp.llama_sampler_accept(made, token)
    if sampling.temperature <= 0.0:
        add(llama_cpp.llama_sampler_init_greedy())
        return made
    if sampling.temperature != 1.0:
        add(llama_cpp.llama_sampler_init_temp(sampling.temperature))
    if sampling.top_k > 0:
        add(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1.0:
        add(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0.0:
        add(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
    seed = sampling.seed & 0xFFFFFFFF
    add(llama_cpp.llama_sampler_init_dist(ctypes.c_uint32(seed if seed != _RANDOM_SEED else 0)))
    return made
