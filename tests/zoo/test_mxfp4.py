"""A checkpoint in MXFP4: what is really computed on this device is stored and keyed, and its conversion runs."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qtui.engines import planning
from qtui.engines.conversion import gguf_cache
from qtui.engines.protocol.answering import Answered, Request
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.records import PromptSource
from tests.engines.conftest import job, variant
from tests.loaded_engine import loaded_engine
from tests.zoo import checkpoint, converter_for_small_vocabularies, mxfp4
from tests.zoo.kinds import KINDS

KIND = next(kind for kind in KINDS if kind.name == "gpt-oss")
MXFP4 = "39"
"""ggml's number of the type."""
TEXTS = ("空は青いのですか", "りんごが五つ、みかんが八つあります。")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, npt.NDArray[np.float32]], str]:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    folder = tmp_path_factory.mktemp("mxfp4") / "model"
    pattern = checkpoint.write(KIND, folder).pattern
    return folder, mxfp4.store_as_mxfp4(folder), pattern


def test_values_survive_blocks_and_scales() -> None:
    values = mxfp4.VALUES[np.random.default_rng(0).integers(0, 16, size=(3, 64))] * np.float32(0.25)
    values[:, ::32] = 1.5  # every block has its largest value
    assert np.array_equal(mxfp4.dequantize(*mxfp4.quantize(values)), values)


def test_transformers_computes_the_stored_values_and_the_key_says_in_what_form(
    folders: tuple[Path, dict[str, npt.NDArray[np.float32]], str],
) -> None:
    folder, meant, _ = folders
    spec = variant("transformers", folder, "MXFP4", slots=2)
    plan = planning.plan(job(spec, TEXTS, max_tokens=8), WeightsFinder(lambda _: None))
    assert plan.planned.facts.computed_as == "mxfp4, dequantized"
    assert any("a CPU has no kernels" in note for note in plan.planned.facts.notes)
    assert "dequantized" in planning.how_computed(spec, open_weights(folder), "0", "cpu")
    requests = [Request(number, prompt, job(spec, max_tokens=8).sampling) for number, prompt in enumerate(plan.prompts)]
    engine: Any = loaded_engine(spec, folder, requests)
    computed = {
        name: tensor.detach().float().numpy() for name, tensor in engine.model.named_parameters() if name in meant
    }
    assert computed.keys() == meant.keys()
    assert all(np.array_equal(computed[name], meant[name]) for name in meant)
    assert engine.loaded_facts.dtype == open_weights(folder).config["dtype"]
    assert _answered(engine, requests) == len(TEXTS)


def test_its_gguf_file_has_the_same_values_as_they_are_stored(
    folders: tuple[Path, dict[str, npt.NDArray[np.float32]], str], sources: Path, tmp_path: Path
) -> None:
    folder, meant, pattern = folders
    converter = converter_for_small_vocabularies.folder_for(sources, pattern, tmp_path / "converter")
    how = gguf_cache.Conversion(converter=converter)
    file = open_weights(gguf_cache.lossless_gguf(open_weights(folder), tmp_path / "gguf", lambda _: None, how))
    assert MXFP4 in file.matrix_types
    assert np.array_equal(
        _experts(file.path, "blk.0.ffn_down_exps.weight"), _swapped(meant, "layers.0.mlp.experts.down_proj")
    )
    spec = variant("llama.cpp", file.path, "MXFP4", slots=2)
    plan = planning.plan(
        job(spec, TEXTS, PromptSource(weights=str(folder)), max_tokens=8), WeightsFinder(lambda _: None)
    )
    requests = [Request(number, prompt, job(spec, max_tokens=8).sampling) for number, prompt in enumerate(plan.prompts)]
    assert _answered(loaded_engine(spec, file.path, requests), requests) == len(TEXTS)


def _answered(engine: Any, requests: list[Request]) -> int:
    return sum(isinstance(event, Answered) for event in engine.answer(requests))


def _experts(file: Path, name: str) -> npt.NDArray[np.float32]:
    import gguf
    from gguf.quants import dequantize

    (tensor,) = (each for each in gguf.GGUFReader(file).tensors if each.name == name)
    return np.asarray(dequantize(tensor.data, tensor.tensor_type), np.float32)


def _swapped(meant: dict[str, npt.NDArray[np.float32]], name: str) -> npt.NDArray[np.float32]:
    """The matrices with the inputs last, as GGUF has them."""
    return next(matrix for key, matrix in meant.items() if key.endswith(name)).swapaxes(-1, -2)
