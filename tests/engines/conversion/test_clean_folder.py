"""llama.cpp's own converter, on the folder that qtui cleans for it, makes the model that transformers computes with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtui.engines.conversion import gguf_cache
from qtui.engines.weights.weights import open_weights
from tests.engines.conversion.test_converter import qwen2, real_converter
from tests.engines.conversion.test_llama_folder import logits_of_llama, logits_of_transformers

CLOSE = 2e-2
"""Of logits; those of another head or of stray weights are apart by more than 1."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, needs_engines: None) -> Path:
    """Shards and an index, a head that the config denies, and two files that no index names, with other values."""
    from safetensors.numpy import load_file, save_file
    from transformers import AutoModelForCausalLM

    made = qwen2(tmp_path_factory.mktemp("clean") / "model")
    whole: dict[str, Any] = load_file(made / "model.safetensors")
    model = AutoModelForCausalLM.from_pretrained(made, dtype="auto")
    (made / "model.safetensors").unlink()
    model.save_pretrained(made, max_shard_size="1MB")
    others = {name: tensor + np.float16(0.5) for name, tensor in whole.items()}
    for name in ("consolidated.safetensors", "model-old.safetensors"):
        save_file(others, made / name, metadata={"format": "pt"})
    config = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    return made


def test_stray_files_are_left_out_and_the_denied_head_is_kept(
    folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert len(list(folder.glob("model-0*.safetensors"))) > 1
    weights = open_weights(folder)
    assert weights.output_head.state == "differs"
    how = gguf_cache.Conversion(converter=real_converter(request))
    file = gguf_cache.lossless_gguf(weights, tmp_path, lambda _: None, how)
    ids, expected = logits_of_transformers(folder)
    found = logits_of_llama(file, ids)
    assert np.abs(found - expected).max() < CLOSE
    assert np.array_equal(found.argmax(-1), expected.argmax(-1))


def test_the_head_and_the_embedding_would_answer_differently(folder: Path) -> None:
    """Else the test above would show nothing."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    head, embedding = model.lm_head.weight, model.get_input_embeddings().weight
    assert float((head - embedding).detach().abs().max()) > 0.1
