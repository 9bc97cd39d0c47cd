"""What the tables of unkept settings say is so: there the two engines part, and nowhere in the zoo as it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtui.engines.conversion import gguf_cache
from qtui.engines.conversion.unkept_settings import unkept_settings
from qtui.engines.weights.weights import open_weights
from tests.engines.conversion.test_llama_folder import logits_of_llama
from tests.zoo import checkpoint, converter_for_small_vocabularies
from tests.zoo.kinds import KINDS, Kind
from tests.zoo.outcome import KL_LIMIT

TYPES = (
    "cohere", "cohere2", "deepseek_v3", "exaone4", "falcon_h1", "falcon_mamba", "gemma2", "gemma3_text", "gemma3n_text",
    "gemma4_text", "glm4", "glm4_moe", "glm_moe_dsa", "hunyuan_v1_dense", "lfm2_moe", "llama", "llama4_text", "mamba", "mamba2",
    "minicpm3", "mistral", "mixtral", "nemotron_h", "olmo2", "olmo3", "olmoe", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe",
    "qwen3_next", "qwen3_5_text", "seed_oss", "smollm3", "stablelm",
)  # fmt: skip
IDS = [20 + 7 * place % 500 for place in range(48)]


def changed(name: str, **settings: Any) -> Kind:
    kind = next(kind for kind in KINDS if kind.name == name)
    return replace(kind, name=f"{name} changed", settings={**kind.settings, **settings})


def kl_between_engines(kind: Kind, home: Path, sources: Path) -> float:
    """The mean over the tokens of a text, in nats, with the file that qtui converts."""
    import torch
    from transformers import AutoModelForCausalLM

    tokens = checkpoint.write(kind, home / "model")
    named = converter_for_small_vocabularies.folder_for(sources, tokens.pattern, home / "converter")
    how = gguf_cache.Conversion(converter=named)
    file = gguf_cache.lossless_gguf(open_weights(home / "model"), home / "gguf", lambda _: None, how)
    model = AutoModelForCausalLM.from_pretrained(home / "model", dtype=torch.float32)
    with torch.inference_mode():
        expected = model(torch.tensor([IDS])).logits[0].numpy()
    found = logits_of_llama(file, IDS)[:, : expected.shape[1]]
    logs = [each - np.logaddexp.reduce(each.astype(np.float64), axis=-1, keepdims=True) for each in (expected, found)]
    return float((np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1).mean())


def test_a_setting_that_is_not_kept_parts_the_engines(tmp_path: Path, sources: Path) -> None:
    kl = kl_between_engines(changed("Qwen3 MoE", norm_topk_prob=False), tmp_path, sources)
    assert kl > 10 * KL_LIMIT
    (found,) = unkept_settings(open_weights(tmp_path / "model").config)
    assert found.key == "norm_topk_prob"


def test_a_cap_that_is_switched_off_is_kept(tmp_path: Path, sources: Path) -> None:
    """llama.cpp takes the family's where the file has none."""
    assert kl_between_engines(changed("Gemma 4", final_logit_softcapping=None), tmp_path, sources) < KL_LIMIT / 10


@pytest.mark.parametrize("kind", TYPES)
def test_a_key_that_is_not_written_means_what_transformers_takes(kind: str, needs_transformers: None) -> None:
    from transformers import CONFIG_MAPPING

    written = CONFIG_MAPPING[kind]().to_dict()
    sizes = {key: written[key] for key in ("num_hidden_layers",) if key in written}
    assert _keys({"model_type": kind, **sizes}) == _keys(written)


def _keys(config: dict[str, Any]) -> set[str]:
    return {found.key for found in unkept_settings(config) if not found.only}
