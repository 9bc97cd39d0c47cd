"""Chains of llama.cpp's samplers, with the same rules and order as `transformers.sampling`.

Penalty, temperature, top-k, top-p, min-p, draw: the order of transformers. A chain contains only the settings of the experiment, no
defaults of the library.
"""

import ctypes
from typing import Any

import llama_cpp

from qtui.records import Sampling

_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp takes this seed to mean "any"."""


def is_greedy(sampling: Sampling) -> bool:
    """Whether sampling takes the most likely token of the raw logits, which needs no chain."""
    return sampling.temperature <= 0.0 and sampling.repetition_penalty == 1.0


def chain(sampling: Sampling, prompt: list[int], vocabulary: int) -> Any:
    """Return a chain for one answer; the caller frees it. The penalty covers prompt and answer, as in transformers."""
    settings = llama_cpp.llama_sampler_chain_default_params()
    settings.no_perf = True
    samplers = llama_cpp.llama_sampler_chain_init(settings)

    def add(sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(samplers, sampler)

    if sampling.repetition_penalty != 1.0:
        window = len(prompt) + sampling.max_tokens
        add(llama_cpp.llama_sampler_init_penalties(vocabulary, window, sampling.repetition_penalty, 0.0, 0.0))
        for token in prompt:
            llama_cpp.llama_sampler_accept(samplers, token)
    if sampling.temperature <= 0.0:
        add(llama_cpp.llama_sampler_init_greedy())
        return samplers
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
    return samplers
