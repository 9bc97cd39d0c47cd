"""Checkpoints that are quantized already: variants like any other where their packages are, a name to install where not."""

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import available, planning
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


def test_a_checkpoint_that_transformers_dequantizes_here_answers_and_says_so(
    kind: Callable[[str], Kind], tmp_path: Path
) -> None:
    folder = fine_grained_fp8(kind("llama").folder, tmp_path / "model")
    spec = variant("transformers", folder, "8 bits")
    if available.accelerator("transformers") != "cpu":
        pytest.skip("torch computes on a GPU here, which may have kernels for FP8")
    facts = planning.plan(job(spec), WeightsFinder(nothing)).planned.facts
    assert facts.computed_as == "fp8, dequantized"
    assert "a CPU has no kernels for it" in facts.notes[-1]
    engine = loaded_engine(spec, folder, [Request(0, Prompt("[INST] 質問 [/INST]", bos=True), Sampling(max_tokens=2))])
    weight = engine.model.model.layers[0].self_attn.q_proj.weight.detach().float()
    assert float((weight - stored(kind("llama").folder, "model.layers.0.self_attn.q_proj.weight")).abs().max()) < 0.02


def stored(folder: Path, name: str) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")[name].float()


def fine_grained_fp8(source: Path, target: Path) -> Path:
    """As DeepSeek V3 stores its weights: float8 with a scale for every block of 128 × 128."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    tensors = load_file(target / "model.safetensors")
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        weight = tensors[name].float()
        blocks = weight.reshape(weight.shape[0] // 128, 128, weight.shape[1] // 128, 128)
        scale = blocks.abs().amax((1, 3)) / 448
        tensors[name] = (blocks / scale[:, None, :, None]).reshape(weight.shape).to(torch.float8_e4m3fn)
        tensors[f"{name}_scale_inv"] = scale.contiguous()
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    how = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    (target / "config.json").write_text(json.dumps(config | {"quantization_config": how}))
    return target
