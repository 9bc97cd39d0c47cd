"""Every quantization type of the installed library: made of the demo model, loaded and run, or refused with the reason why.

Half a minute, most of which is no quantizing: llama.cpp computes tables of neighbours, once in a process and on one core, for IQ1_S
(10 s), IQ3_XXS (4 s) and IQ2_XS (2 s). A smaller model would save little and test fewer of the mixtures that depend on the layer.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from qtui.engines.protocol.answering import Answered, Prompt, Request
from qtui.engines.quantizing import gguf_source, quantize
from qtui.engines.quantizing.quantization_types import NEEDS_IMATRIX, NOMINAL_BITS, NOT_MADE, facts
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.conftest import variant
from tests.loaded_engine import loaded_engine

THREADS = len(os.sched_getaffinity(0))


def _all_types() -> list[str]:
    try:
        return list(quantize.types())
    except ImportError:
        return []


TYPES = _all_types()
CAN_BE_MADE = [name for name in TYPES if name not in NOT_MADE]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, needs_engines: None) -> Path:
    from qtui import paths
    from qtui.engines.conversion import llama_folder

    if not (paths.demo_model() / "model.safetensors").is_file():
        pytest.skip("data/demo has no model")
    target = tmp_path_factory.mktemp("whole") / "demo-F16.gguf"
    llama_folder.convert(open_weights(paths.demo_model()), target)
    return target


@pytest.fixture(scope="module")
def importance(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A matrix for all weights of the demo, as llama-imatrix writes it. Its values decide how good a type is, not if it works."""
    import gguf

    from qtui.engines.weights import gguf_file

    draw = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("importance") / "imatrix.gguf"
    writer = gguf.GGUFWriter(file, "imatrix")
    writer.add_type("imatrix")
    for tensor in gguf_file.read_tensors(gguf_file.read_header(whole)):
        if len(tensor.shape) == 2:
            writer.add_tensor(f"{tensor.name}.in_sum2", draw.uniform(1, 9, (1, tensor.shape[0])).astype(np.float32))
            writer.add_tensor(f"{tensor.name}.counts", np.full((1, 1), 4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.mark.usefixtures("needs_engines")
def test_the_library_has_types_and_each_has_its_facts() -> None:
    assert len(TYPES) >= 30
    unknown = [name for name in TYPES if name not in NOMINAL_BITS and name not in NOT_MADE]
    assert not unknown, f"new types of the library without figures in quantization_types: {unknown}"
    assert {facts(name).family for name in TYPES} >= {"whole", "legacy", "K", "I"}


@pytest.mark.parametrize("name", CAN_BE_MADE)
def test_a_type_is_as_large_as_foretold_loads_and_answers(
    name: str, whole: Path, importance: Path, tmp_path: Path
) -> None:
    target = tmp_path / f"demo-{name}.gguf"
    matrix = importance if name in NEEDS_IMATRIX else None
    foretold = quantize.forecast(gguf_source.read(whole), name, matrix)
    made = quantize.quantize(whole, target, name, threads=THREADS, imatrix=matrix)
    assert abs(made.file_bytes - foretold.file_bytes) < 1 << 14
    assert made.fallback == 0  # all rows of the demo are multiples of 256
    assert _answers_a_token(target)


@pytest.mark.parametrize("name", [name for name in TYPES if name in NEEDS_IMATRIX])
def test_a_type_that_needs_importance_is_foretold_and_refused_without(name: str, whole: Path, tmp_path: Path) -> None:
    assert quantize.forecast(gguf_source.read(whole), name).needs_imatrix
    with pytest.raises(UserError, match="importance matrix"):
        quantize.quantize(whole, tmp_path / "out.gguf", name, threads=THREADS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in CAN_BE_MADE if name not in NEEDS_IMATRIX])
def test_a_type_that_needs_no_importance_is_foretold_so(name: str, whole: Path) -> None:
    assert not quantize.forecast(gguf_source.read(whole), name).needs_imatrix


@pytest.mark.parametrize("name", [name for name in TYPES if name in NOT_MADE])
def test_a_type_that_cannot_be_made_says_so(name: str, whole: Path) -> None:
    with pytest.raises(UserError, match=f"{name}: the installed llama.cpp"):
        quantize.forecast(gguf_source.read(whole), name)


def _answers_a_token(path: Path) -> bool:
    asked = [Request(0, Prompt("「海」", bos=True), Sampling(max_tokens=1))]
    engine = loaded_engine(variant("llama.cpp", path, slots=1), path, asked)
    [answer] = [found for found in engine.answer(asked) if isinstance(found, Answered)]
    return answer.completion_tokens <= 1 and answer.finish_reason in ("length", "stop")
