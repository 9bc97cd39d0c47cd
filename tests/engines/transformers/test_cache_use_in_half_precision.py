"""In half precision rounding is no reason to do without a cache, and a cache that is ignored is still found out."""

from pathlib import Path
from typing import Any

import pytest

from qtui.engines.transformers import cache_use
from qtui.engines.transformers.cache_use import NO_CACHE
from tests.zoo import checkpoint
from tests.zoo.kinds import KINDS

FAMILIES = ("Qwen3 MoE", "Granite 4", "Falcon-H1", "Mamba 2")
"""Experts, to another of which rounding may send a token; experts beside a state; attention beside a state; a state alone."""
PROMPT = [[20 + 7 * place % 500 for place in range(24)]]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, needs_engines: None) -> Any:
    from transformers import AutoModelForCausalLM

    (kind,) = (each for each in KINDS if each.name == request.param)
    folder: Path = tmp_path_factory.mktemp(kind.slug) / "model"
    checkpoint.write(kind, folder)
    loaded: Any = AutoModelForCausalLM.from_pretrained(folder)
    return loaded.eval()


def without_memory(model: Any) -> Any:
    """The model, with a forward pass that takes a cache and forgets what it has read."""
    import torch

    class Forgetful(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config, self.device, self.dtype = model.config, model.device, model.dtype

        def forward(
            self, input_ids: torch.Tensor, past_key_values: Any = None, use_cache: bool = False
        ) -> Any:  # the parameters are read by name
            return model(input_ids, use_cache=False)

    return Forgetful()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_cache_is_used_as_in_full_precision(model: Any, dtype: str) -> None:
    import torch

    expected = cache_use.find_out(model.float(), PROMPT)
    assert expected.has_cache
    assert cache_use.find_out(model.to(getattr(torch, dtype)), PROMPT) == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_cache_that_is_ignored_is_found_out(model: Any, dtype: str) -> None:
    import torch

    found = cache_use.find_out(without_memory(model.to(getattr(torch, dtype))), PROMPT)
    assert not found.has_cache
    assert found.extends is NO_CACHE.extends
