"""What transformers 5 leaves out or renames in config.json is put right before llama.cpp's converter reads it."""

from typing import Any

import pytest

from qtui.engines.conversion.original_settings import corrections


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
    ],
)
def test_only_what_differs_is_changed(config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert corrections(config) == expected
