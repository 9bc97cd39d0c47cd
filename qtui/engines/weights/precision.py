"""What people call precisions, and what engines call them. `FP16`, `F16`, `float16` and `half` are one."""

from typing import Literal

from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

Dtype = Literal["float16", "bfloat16", "float32", "auto"]

_GGUF = {"FP16": "F16", "FLOAT16": "F16", "HALF": "F16", "FP32": "F32", "FLOAT32": "F32", "BFLOAT16": "BF16"}
_DTYPES: dict[str, Dtype] = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}


def gguf_type(precision: str) -> str:
    """The name that llama.cpp has for it, or would have: whether it knows such a type is for `quantize` to say."""
    name = precision.strip().upper()
    return _GGUF.get(name, name)


def gpu_dtype(precision: str, weights: Weights) -> str:
    """The dtype in which a GPU computes a checkpoint: half precision where the checkpoint's own loader decides."""
    chosen = torch_dtype(precision, weights, "cuda")
    return "float16" if chosen == "auto" else chosen


def torch_dtype(precision: str, weights: Weights, accelerator: str) -> Dtype:
    """What a checkpoint is computed in.

    `auto` for one that is quantized already: its own loader decides. float32 on a CPU, where half precision crawls and float16
    weights lose nothing by it. Raises UserError for a precision that transformers does not have.
    """
    if weights.quantization:
        return "auto"
    dtype = _DTYPES.get(gguf_type(precision))
    if dtype is None:
        raise UserError(
            f'{weights.path.name}: no precision "{precision}" on transformers; it has FP16, BF16 and FP32 '
            "(and checkpoints that are quantized already, whatever the precision is called)"
        )
    return "float32" if accelerator == "cpu" else dtype
