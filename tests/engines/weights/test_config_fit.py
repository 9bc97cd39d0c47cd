"""A config that counts other layers than the files have is an error before anything is loaded, also with 100,000 of them."""

from pathlib import Path

import pytest

from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.weights.checkpoints import checkpoint

LAYERS = {"model.safetensors": {f"model.layers.{number}.mlp.up_proj.weight": "F16" for number in range(2)}}


@pytest.mark.parametrize("count", [1, 3, 100_000])
def test_other_layers_than_the_files_have_are_an_error_with_file_and_key(tmp_path: Path, count: int) -> None:
    folder = checkpoint(tmp_path / "m", LAYERS, num_hidden_layers=count)
    with pytest.raises(UserError, match=r'config\.json: "num_hidden_layers" is .* have 2 layers'):
        open_weights(folder).check_config()


def test_layers_that_guess_ahead_are_further_ones(tmp_path: Path) -> None:
    open_weights(checkpoint(tmp_path / "m", LAYERS, num_hidden_layers=1, num_nextn_predict_layers=1)).check_config()


def test_weights_that_transformers_would_not_find_are_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {"model.fp16.safetensors": {"a": "F16"}})
    with pytest.raises(UserError, match=r"rename this file to model\.safetensors"):
        open_weights(folder).check_for_transformers()
