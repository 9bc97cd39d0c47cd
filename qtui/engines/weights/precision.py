"""The names of precisions, as users write them and as engines need them. `FP16`, `F16`, `float16` and `half` are the same."""

from typing import Literal

from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

Dtype = Literal["float16", "bfloat16", "float32", "auto"]

_GGUF = {"FP16": "F16", "FLOAT16": "F16", "HALF": "F16", "FP32": "F32", "FLOAT32": "F32", "BFLOAT16": "BF16"}
_DTYPES: dict[str, Dtype] = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}


def gguf_type(precision: str) -> str:
    """Return llama.cpp's spelling of a precision. Whether such a type exists is checked by `quantize.type_name`."""
    name = precision.strip().upper()
    return _GGUF.get(name, name)


def gpu_dtype(precision: str, weights: Weights) -> str:
    """Return the dtype in which a GPU computes a checkpoint: half precision if the checkpoint's loader decides."""
    chosen = torch_dtype(precision, weights, "cuda")
    return "float16" if chosen == "auto" else chosen


def torch_dtype(precision: str, weights: Weights, accelerator: str) -> Dtype:
    """Return the dtype in which a checkpoint is computed.

    `auto` for a quantized checkpoint, whose loader decides. float32 on a CPU, where half precision is very slow; float16 weights
    lose nothing by it. Raises UserError for a precision that transformers does not have.
    """
    if weights.quantization:
        return "auto"
    dtype = _DTYPES.get(gguf_type(precision))
    if dtype is None:
        raise UserError(
            f'{weights.path.name}: no precision "{precision}" on transformers; it has FP16, BF16 and FP32 '
            "(quantized checkpoints run with any name of a precision)"
        )
    return "float32" if accelerator == "cpu" else dtype
