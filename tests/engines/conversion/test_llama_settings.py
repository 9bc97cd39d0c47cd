"""A config that lacks what the conversion needs is a sentence with file and key, before anything is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.conversion import llama_settings
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.weights.checkpoints import CONFIG, checkpoint

TENSORS = {"model.safetensors": {"model.embed_tokens.weight": "F16"}}


@pytest.mark.parametrize("key", [key for key in CONFIG if key != "model_type"])
def test_a_key_that_is_missing_is_named_with_its_file(tmp_path: Path, key: str) -> None:
    folder = checkpoint(tmp_path / "m", TENSORS)
    config = json.loads((folder / "config.json").read_text())
    del config[key]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf'config\.json: has no "{key}"'):
        llama_settings.check_settings(open_weights(folder), "model")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rms_norm_eps", "1e-5"),
        ("rms_norm_eps", 0),
        ("hidden_size", 4.5),
        ("num_attention_heads", 0),
        ("vocab_size", True),
        ("num_key_value_heads", "2"),
        ("rope_theta", "x"),
    ],
)
def test_a_value_that_is_no_such_number_is_named(tmp_path: Path, key: str, value: Any) -> None:
    folder = checkpoint(tmp_path / "m", TENSORS, index="", **{key: value})
    with pytest.raises(UserError, match=rf'config\.json: "{key}" is'):
        llama_settings.check_settings(open_weights(folder), "model")


def test_a_linear_scaling_needs_its_factor(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", TENSORS, rope_scaling={"type": "linear"})
    with pytest.raises(UserError, match=r'config\.json: has no "factor"'):
        llama_settings.check_settings(open_weights(folder), "model")


def test_a_whole_config_is_right(tmp_path: Path) -> None:
    llama_settings.check_settings(open_weights(checkpoint(tmp_path / "m", TENSORS)), "m")
