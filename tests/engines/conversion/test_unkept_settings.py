"""A setting that a GGUF file does not keep is said before anything is converted."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import planning
from qtui.engines.conversion import llama_settings, unkept_settings
from qtui.engines.conversion.unkept_settings import unkept_settings as unkept
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import PromptSource
from tests.engines.conftest import job, variant

YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 8.0, "original_max_position_embeddings": 64}


def rope(**changes: Any) -> dict[str, Any]:
    return {"rope_parameters": {**YARN, **changes}}


LOST: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "qwen3_moe", "norm_topk_prob": False}, "norm_topk_prob"),
    ({"model_type": "qwen3_moe"}, "norm_topk_prob"),
    ({"model_type": "qwen3_next", "norm_topk_prob": False}, "norm_topk_prob"),
    ({"model_type": "olmoe", "norm_topk_prob": True}, "norm_topk_prob"),
    ({"model_type": "qwen3", "hidden_act": "gelu"}, "hidden_act"),
    ({"model_type": "gemma2", "hidden_activation": "silu"}, "hidden_activation"),
    ({"model_type": "gpt_oss", "swiglu_limit": 1.0}, "swiglu_limit"),
    ({"model_type": "gemma2", "query_pre_attn_scalar": 224, "hidden_size": 64, "num_attention_heads": 4}, "query_pre_attn_scalar"),
    ({"model_type": "gemma2", "rope_theta": 1e6}, "rope_theta"),
    ({"model_type": "gemma3_text", "rope_parameters": {"sliding_attention": {"rope_type": "linear"}}}, "sliding_attention"),
    ({"model_type": "gemma3n_text", "activation_sparsity_pattern": [0.0, 0.0]}, "activation_sparsity_pattern"),
    ({"model_type": "qwen2", "rope_scaling": {"type": "llama3", "factor": 8.0}}, "rope_type"),
    ({"model_type": "cohere", **rope()}, "rope_type"),
    ({"model_type": "qwen3", **rope(attention_factor=0.5)}, "attention_factor"),
    ({"model_type": "qwen3", **rope(mscale=1.0, mscale_all_dim=1.0)}, "attention_factor"),
    ({"model_type": "qwen3", **rope(beta_fast=8)}, "beta_fast"),
    ({"model_type": "qwen3", **rope(truncate=False)}, "truncate"),
    ({"model_type": "deepseek_v3", **rope()}, "mscale"),
    ({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "use_bidirectional_attention": True}}, "bidirectional"),
]  # fmt: skip

KEPT: list[dict[str, Any]] = [
    {"model_type": "qwen3_moe", "norm_topk_prob": True},
    {"model_type": "qwen3_next"},
    {"model_type": "qwen2_moe"},
    {"model_type": "gemma2", "hidden_act": "gelu", "query_pre_attn_scalar": 256, "hidden_size": 3584, "num_attention_heads": 16},
    {"model_type": "gemma2", "query_pre_attn_scalar": 144, "hidden_size": 4608, "num_attention_heads": 32, "num_hidden_layers": 46,
     "head_dim": 128},
    {"model_type": "gemma3n_text", "activation_sparsity_pattern": [0.95] * 10 + [0.0] * 25},
    {"model_type": "gpt_oss", "swiglu_limit": 7.0, "hidden_act": "silu"},
    {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
    {"model_type": "qwen2", "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}},
    {"model_type": "qwen3", **rope(attention_factor=0.1 * math.log(8.0) + 1, beta_fast=32, beta_slow=1, mscale=1.0)},
    {"model_type": "deepseek_v3", **rope(mscale=1.0, mscale_all_dim=1.0, beta_fast=32, beta_slow=1)},
    {"model_type": "mistral", "sliding_window": 4096, "max_position_embeddings": 32768, "hidden_act": "silu"},
    {"model_type": "tomorrow", "hidden_act": "gelu", **rope(attention_factor=0.5)},
]  # fmt: skip

IN_PART: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "gpt_oss", **rope(truncate=False)}, "answers may part"),
    ({"model_type": "internlm2", "rope_scaling": {"type": "dynamic"}, "max_position_embeddings": 4096}, "4096 tokens"),
    ({"model_type": "phi3", "sliding_window": 2047, "max_position_embeddings": 4096}, "longer than that"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "key"), LOST, ids=lambda value: value if isinstance(value, str) else "")
def test_a_setting_that_makes_another_model_is_refused(config: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"org/model: .*another model: .*{key}.*transformers"):
        unkept_settings.check(config, "org/model")


@pytest.mark.parametrize("config", KEPT)
def test_a_setting_that_the_file_keeps_is_not_mentioned(config: dict[str, Any]) -> None:
    assert unkept(config) == ()


@pytest.mark.parametrize(("config", "words"), IN_PART)
def test_a_setting_that_matters_only_somewhere_is_a_note(config: dict[str, Any], words: str) -> None:
    unkept_settings.check(config, "org/model")
    (note,) = unkept_settings.notes(config)
    assert words in note


def changed(source: Path, target: Path, changes: dict[str, Any]) -> Path:
    shutil.copytree(source, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | changes))
    return target


def test_the_check_before_a_run_and_before_quantizing_refuses_it(spm: Path, tmp_path: Path) -> None:
    folder = changed(spm, tmp_path / "m", {"hidden_act": "gelu"})
    with pytest.raises(UserError, match='"hidden_act" is gelu'):
        planning.check_settings(variant("llama.cpp", folder), open_weights(folder))
    with pytest.raises(UserError, match='"hidden_act" is gelu'):
        llama_settings.check_settings(open_weights(folder), "m")
    planning.check_settings(variant("transformers", folder, "FP32"), open_weights(folder))


def test_a_file_beside_its_original_is_noted(spm: Path, spm_gguf: Path, tmp_path: Path) -> None:
    """Somebody else's GGUF file has no such setting; the baseline's folder has."""
    folder = changed(spm, tmp_path / "m", {"hidden_act": "gelu"})
    facts = planning.plan(
        job(variant("llama.cpp", spm_gguf), prompt=PromptSource(weights=str(folder))), WeightsFinder(lambda _: None)
    ).planned.facts
    assert any("by the settings of m:" in note and "another model" in note for note in facts.notes)
