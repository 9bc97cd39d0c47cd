"""A checkpoint whose experts are stored as MXFP4, as gpt-oss is published: blocks of 32 values of four bits with one scale."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

VALUES = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0], np.float32)
"""What the four bits mean, before the scale."""
BLOCK = 32
_BIAS = 127
_LARGEST_EXPONENT = 2
"""6 is 1.5 · 2²."""
_EXPERTS = ("gate_up_proj", "down_proj")


def quantize(weights: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return blocks of shape (…, columns / 32, 16) and scales of shape (…, columns / 32). A byte has two values, the first low."""
    parts = np.ascontiguousarray(weights).reshape(
        *weights.shape[:-1], -1, BLOCK
    )  # safetensors writes arrays as they lie
    largest = np.maximum(np.abs(parts).max(-1), 1e-30)
    exponents = np.floor(np.log2(largest)) - _LARGEST_EXPONENT
    scaled = parts / np.exp2(exponents)[..., None]
    codes = np.abs(scaled[..., None] - VALUES).argmin(-1).astype(np.uint8)
    return codes[..., 0::2] | (codes[..., 1::2] << 4), (exponents + _BIAS).astype(np.uint8)


def dequantize(blocks: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the values of blocks, with their columns again in one."""
    codes = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*scales.shape, BLOCK)
    values = VALUES[codes] * np.exp2(scales.astype(np.float32) - _BIAS)[..., None]
    return values.reshape(*scales.shape[:-1], -1)


def store_as_mxfp4(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Change a gpt-oss folder. Return the experts' matrices that it has now, by the names that they had."""
    from safetensors.numpy import load_file, save_file

    file = folder / "model.safetensors"
    kept: dict[str, Any] = {}
    meant = {}
    for name, tensor in load_file(file).items():
        if name.endswith(_EXPERTS):
            # Blocks run along the inputs, which come last there.
            blocks, scales = quantize(tensor.swapaxes(-1, -2).astype(np.float32))
            kept |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
            meant[name] = dequantize(blocks, scales).swapaxes(-1, -2)
        else:
            kept[name] = tensor
    save_file(kept, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    others = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": others}
    (folder / "config.json").write_text(json.dumps(config))
    return meant
