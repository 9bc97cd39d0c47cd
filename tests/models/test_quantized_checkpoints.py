"""Checkpoints that are quantized already: variants like any other where their packages are, a name to install where not."""

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import planning
from qtui.engines.protocol.answering import Answered, Prompt, Request
from qtui.engines.weights import quantized_checkpoint
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.conftest import job, variant
from tests.loaded_engine import loaded_engine
from tests.models.conftest import Kind, nothing

SETTINGS: dict[str, dict[str, Any]] = {
    "gptqmodel": {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False},
    "gptqmodel ": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"},
    "bitsandbytes": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "bitsandbytes ": {"load_in_8bit": True},
    "compressed-tensors": {"quant_method": "compressed-tensors", "format": "int-quantized"},
}


@pytest.mark.parametrize("package", SETTINGS)
def test_a_package_that_is_missing_is_named_before_anything_is_loaded(
    package: str, kind: Callable[[str], Kind], tmp_path: Path
) -> None:
    if find_spec(package.strip().replace("-", "_")):
        pytest.skip(f"{package.strip()} is installed here")
    folder = tmp_path / "model"
    shutil.copytree(kind("llama").folder, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"quantization_config": SETTINGS[package]}))
    with pytest.raises(UserError, match=f"pip install .*{package.strip()}"):
        planning.plan(job(variant("transformers", folder, "4 bits")), WeightsFinder(nothing))


def test_a_method_that_is_not_known_is_left_to_the_library(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "of tomorrow"}}')
    assert open_weights(tmp_path).quantization == "of tomorrow"
    assert quantized_checkpoint.versions("of tomorrow", "model") == []


@pytest.mark.parametrize("bits", [4, 8])
def test_a_checkpoint_of_bitsandbytes_answers_on_this_machine(
    bits: int, kind: Callable[[str], Kind], tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (its wheel also computes on a CPU)")
    folder = quantized(kind("llama").folder, tmp_path / "model", bits)
    spec = variant("transformers", folder, f"{bits} bits")
    plan = planning.plan(job(spec), WeightsFinder(nothing))
    assert plan.weights
    assert plan.weights.file_bytes < 0.8 * (kind("llama").folder / "model.safetensors").stat().st_size
    requests = [Request(n, Prompt(f"[INST] 質問{n} [/INST]", bos=True), Sampling(max_tokens=6)) for n in range(4)]
    engine = loaded_engine(spec, folder, requests)
    assert type(engine.model.model.layers[0].self_attn.q_proj).__name__ in ("Linear4bit", "Linear8bitLt")
    answers = [each for each in engine.answer(requests) if isinstance(each, Answered)]
    assert sorted(answer.index for answer in answers) == [0, 1, 2, 3]


def quantized(source: Path, target: Path, bits: int) -> Path:
    import transformers

    config: Any = transformers.BitsAndBytesConfig
    how = config(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
    transformers.AutoModelForCausalLM.from_pretrained(source, quantization_config=how).save_pretrained(target)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(source / name, target)
    return target
