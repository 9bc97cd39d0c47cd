"""What transformers 5 leaves out or renames in config.json is put right before llama.cpp's converter reads it."""

from typing import Any

import pytest

from qtui.engines.conversion.original_settings import corrections, with_changes


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "deepseek_v3"}, {"scoring_func": "sigmoid"}),
        ({"model_type": "deepseek_v3", "scoring_func": "sigmoid"}, {}),
        (
            {"model_type": "granitemoehybrid", "layer_types": ["linear_attention", "full_attention"]},
            {"layer_types": ["mamba", "attention"]},
        ),
        ({"model_type": "granitemoehybrid", "layer_types": ["mamba", "attention"]}, {}),
        ({"model_type": "llama", "layer_types": ["full_attention"]}, {}),
        ({"model_type": "gemma2", "final_logit_softcapping": None}, {"final_logit_softcapping": 1e6}),
        ({"model_type": "gemma2"}, {}),
        ({"model_type": "gemma4_text"}, {"final_logit_softcapping": 1e6}),
        ({"model_type": "gemma4_text", "final_logit_softcapping": 30.0}, {}),
        (
            {"model_type": "gemma4", "text_config": {"model_type": "gemma4_text", "hidden_size": 8}},
            {"text_config": {"model_type": "gemma4_text", "hidden_size": 8, "final_logit_softcapping": 1e6}},
        ),
        ({"model_type": "nemotron_h", "hybrid_override_pattern": "M*-E"}, {}),
        ({"model_type": "nemotron_h", "layers_block_type": ["mamba", "moe"]}, {}),
        (
            {"model_type": "nemotron_h", "hybrid_override_pattern": "M*-", "num_hidden_layers": 3},
            {"model_type": "nemotron_h_dense"},
        ),
        (
            {
                "model_type": "nemotron_h",
                "layers_block_type": ["linear_attention", "full_attention", "mlp"],
                "n_routed_experts": 8,
            },
            {
                "model_type": "nemotron_h_dense",
                "hybrid_override_pattern": "M*-",
                "num_hidden_layers": 3,
                "layers_block_type": None,
                "n_routed_experts": None,
            },
        ),
    ],
)
def test_only_what_differs_is_changed(config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert corrections(config) == expected


def test_a_setting_that_becomes_none_is_removed() -> None:
    assert with_changes({"a": 1, "b": None, "c": 2}, {"a": None, "c": 3}) == {"b": None, "c": 3}
