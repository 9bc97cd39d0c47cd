"""Quantized files without a `quantization_config` are known by names and types of their tensors, and refused on both engines."""

from pathlib import Path

import pytest

from qtui.engines import available, planning
from qtui.engines.weights import quantized_checkpoint
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.conftest import job, variant
from tests.engines.weights.checkpoints import checkpoint

LAYER = "model.layers.0.mlp.up_proj."
QUANTIZED = {
    "fine-grained FP8": {"weight": "F8_E4M3", "weight_scale_inv": "F32"},
    "FP8 (ModelOpt": {"weight": "F8_E4M3", "weight_scale": "F32", "input_scale": "F32"},
    "NVFP4 (ModelOpt)": {"weight": "U8", "weight_scale": "F8_E4M3", "weight_scale_2": "F32"},
    "NVFP4 (compressed-tensors)": {"weight_packed": "U8", "weight_scale": "F8_E4M3", "weight_global_scale": "F32"},
    "compressed-tensors": {"weight_packed": "I32", "weight_scale": "BF16", "weight_shape": "I64"},
    "MXFP4": {"gate_up_proj_blocks": "U8", "gate_up_proj_scales": "U8"},
    "MXFP4 (Quark)": {"weight": "U8", "weight_scale": "U8"},
    "MXFP8": {"weight": "F8_E4M3", "weight_scale": "U8"},
    "GPTQ or AWQ": {"qweight": "I32", "qzeros": "I32", "scales": "F16"},
    "INT8": {"weight": "I8", "weight_scale": "F32"},
    "bitsandbytes 4": {"weight": "U8", "weight.absmax": "F32", "weight.quant_state.bitsandbytes__nf4": "U8"},
    "bitsandbytes 8": {"weight": "I8", "SCB": "F32"},
    "torchao": {"_weight_qdata": "I8", "_weight_scale": "F32"},
    "quanto": {"weight._data": "I8", "weight._scale": "F32"},
    "HQQ": {"W_q": "U8", "scale": "F16"},
    "float8 without scales": {"weight": "F8_E4M3"},
}


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
@pytest.mark.parametrize("name", QUANTIZED)
@pytest.mark.usefixtures("needs_engines")
def test_what_the_config_does_not_name_is_known_by_its_tensors(tmp_path: Path, name: str, engine: str) -> None:
    tensors = {"model.embed_tokens.weight": "BF16", **{LAYER + end: dtype for end, dtype in QUANTIZED[name].items()}}
    folder = checkpoint(tmp_path / "m", {"model.safetensors": tensors})
    with pytest.raises(UserError) as caught:
        planning.plan(job(variant(engine, folder)), WeightsFinder(lambda _: None))  # type: ignore[arg-type]
    assert name in str(caught.value)
    assert "no quantization_config" in str(caught.value)
    assert LAYER in str(caught.value)


@pytest.mark.parametrize(
    "tensors",
    [
        {"transformer.h.0.attn.bias": "U8", "transformer.h.0.attn.masked_bias": "F32"},
        {"model.embeddings.position_ids": "I64"},
        {LAYER + "weight": "BF16", "model.layers.0.self_attn.k_scale": "F32"},
        {LAYER + "weight": "F16", "model.layers.0.layer_scale": "F16", "model.hash_indices": "I64"},
    ],
)
def test_masks_positions_and_scales_of_ordinary_models_are_no_quantization(
    tmp_path: Path, tensors: dict[str, str]
) -> None:
    weights = open_weights(checkpoint(tmp_path / "m", {"model.safetensors": tensors}))
    assert weights.stored_format is None
    weights.check_quantization("m")


@pytest.mark.parametrize(("file", "words"), [("hf_quant_config.json", "ModelOpt"), ("quantize_config.json", "GPTQ")])
def test_a_file_of_another_program_counts_where_tensors_cannot_be_listed(tmp_path: Path, file: str, words: str) -> None:
    folder = checkpoint(tmp_path / "m", {})
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    (folder / file).write_text("{}")
    with pytest.raises(UserError, match=words):
        open_weights(folder).check_quantization("m")


@pytest.mark.usefixtures("needs_engines")
def test_a_method_that_transformers_would_skip_is_refused() -> None:
    assert {"gptq", "fp8", "mxfp4", "bitsandbytes"} <= quantized_checkpoint.library_methods()
    with pytest.raises(UserError, match="modelopt, which the installed transformers does not know"):
        quantized_checkpoint.check_method("modelopt", "m", "cuda")


@pytest.mark.parametrize(("method", "card"), [("nvfp4", "Blackwell"), ("fbgemm_fp8", "H100"), ("vptq", "NVIDIA GPU")])
def test_the_card_that_a_method_needs_is_named(method: str, card: str) -> None:
    with pytest.raises(UserError, match=f"quantized by {method}, which needs .*{card}"):
        quantized_checkpoint.check_method(method, "m", "cpu")


@pytest.mark.parametrize("method", ["quark", "compressed-tensors", "torchao"])
def test_the_package_that_a_method_needs_is_named(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def none(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", none)
    with pytest.raises(UserError, match="pip install"):
        quantized_checkpoint.check_method(method, "m", "cuda")


def test_a_method_in_the_config_of_the_text_model_counts() -> None:
    inner = {"text_config": {"quantization_config": {"quant_method": "fp8"}}}
    assert quantized_checkpoint.method(inner) == "fp8"


@pytest.mark.parametrize("method", ["mxfp4", "fp8"])
def test_what_is_computed_in_place_of_the_stored_weights_is_a_value_of_the_key(tmp_path: Path, method: str) -> None:
    folder = checkpoint(
        tmp_path / "m", {"model.safetensors": {"a": "BF16"}}, quantization_config={"quant_method": method}
    )
    spec, weights = variant("transformers", folder), open_weights(folder)
    assert available.accelerator("transformers") != "cpu" or "dequantized" in planning.how_computed(
        spec, weights, "transformers 5", "cpu"
    )
    assert "dequantized" not in planning.how_computed(
        spec, open_weights(checkpoint(tmp_path / "n", {"model.safetensors": {"a": "BF16"}})), "5", "cpu"
    )
