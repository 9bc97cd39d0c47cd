"""Sampling means the same on both engines: from the same logits, the same chances for every token."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qtui.records import Sampling

VOCABULARY = 200
PROMPT = [3, 3, 17, 42]

SETTINGS = (
    Sampling(temperature=1.0),
    Sampling(temperature=0.3),
    Sampling(temperature=1.7),
    Sampling(temperature=1.0, top_k=7),
    Sampling(temperature=0.8, top_p=0.6),
    Sampling(temperature=0.8, top_p=0.01),
    Sampling(temperature=0.8, min_p=0.1),
    Sampling(temperature=1.0, repetition_penalty=1.3),
    Sampling(temperature=0.7, top_k=40, top_p=0.9, min_p=0.02, repetition_penalty=1.1),
)


@pytest.fixture(scope="module")
def logits(needs_engines: None) -> npt.NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 2, VOCABULARY).astype(np.float32)


@pytest.mark.parametrize("sampling", SETTINGS, ids=lambda s: s.conditions())
def test_every_token_has_the_same_chance_on_both_engines(sampling: Sampling, logits: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(chances_of_torch(sampling, logits), chances_of_llama(sampling, logits), atol=1e-5)


@pytest.mark.parametrize("penalty", [1.0, 3.0])
def test_greedy_with_and_without_a_penalty_takes_the_same_token(
    penalty: float, logits: npt.NDArray[np.float32]
) -> None:
    import torch

    from qtui.engines.transformers.sampling import Sampler

    sampling = Sampling(repetition_penalty=penalty)
    prompt = [int(logits.argmax())]
    drawn = Sampler(sampling, prompt, "cpu").draw(torch.from_numpy(logits))
    chances = chances_of_llama(sampling, logits, prompt)
    assert drawn == int(chances.argmax())
    assert (drawn == prompt[0]) is (penalty == 1.0)


def test_what_was_drawn_counts_for_the_penalty(logits: npt.NDArray[np.float32]) -> None:
    import torch

    from qtui.engines.transformers.sampling import Sampler

    sampler = Sampler(Sampling(repetition_penalty=50.0), [], "cpu")
    drawn = [sampler.draw(torch.from_numpy(logits)) for _ in range(20)]
    assert len(set(drawn)) == 20


def test_the_seed_alone_decides_what_is_drawn(logits: npt.NDArray[np.float32]) -> None:
    import torch

    from qtui.engines.transformers.sampling import Sampler

    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.0, seed=seed), [], "cpu")
        return [sampler.draw(torch.from_numpy(logits)) for _ in range(12)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def chances_of_torch(sampling: Sampling, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import torch

    from qtui.engines.transformers.sampling import Sampler

    found: npt.NDArray[np.float32] = Sampler(sampling, PROMPT, "cpu").probabilities(torch.from_numpy(logits)).numpy()
    return found


def chances_of_llama(
    sampling: Sampling, logits: npt.NDArray[np.float32], prompt: list[int] = PROMPT
) -> npt.NDArray[np.float32]:
    """Run the chain on a list of candidates; the last sampler draws, and leaves the chances that it drew from."""
    import llama_cpp

    from qtui.engines.llama_cpp import sampling as llama_sampling

    candidates: Any = (llama_cpp.llama_token_data * VOCABULARY)()
    for token, logit in enumerate(logits):
        candidates[token].id, candidates[token].logit = token, float(logit)
    array: Any = llama_cpp.llama_token_data_array(
        ctypes.cast(candidates, llama_cpp.llama_token_data_p), VOCABULARY, -1, False
    )
    chain = llama_sampling.chain(sampling, prompt, VOCABULARY)
    llama_cpp.llama_sampler_apply(chain, ctypes.byref(array))
    chances = np.zeros(VOCABULARY, np.float32)
    if sampling.temperature <= 0:
        chances[array.data[array.selected].id] = 1.0
    else:
        for place in range(array.size):
            chances[array.data[place].id] = array.data[place].p
    llama_cpp.llama_sampler_free(chain)
    return chances
