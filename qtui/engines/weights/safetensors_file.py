"""Reads tensors of a safetensors file as memory-mapped numpy arrays, bfloat16 included, without torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qtui.engines.weights.checkpoint import safetensors_header
from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor
from qtui.errors import UserError

BFLOAT16 = "BF16"
_TYPES = {"F32": "<f4", "F16": "<f2", BFLOAT16: "<u2"}


def tensors(file: Path) -> Iterator[tuple[str, str, npt.NDArray[Any]]]:
    """Yield (name, type, array) of each tensor; bfloat16 values as their 16 bits. Raises UserError if the file is damaged."""
    for tensor in safetensors_header.read(file).tensors:
        yield tensor.name, tensor.dtype, array(tensor)


def array(tensor: StoredTensor) -> npt.NDArray[Any]:
    """Return one tensor, memory-mapped; bfloat16 values as their 16 bits. Raises UserError for other types than F32, F16, BF16."""
    if tensor.dtype not in _TYPES:
        raise UserError(
            f"{tensor.file}: tensor {tensor.name} has type {tensor.dtype}; only F32, F16 and BF16 can be converted"
        )
    data = np.memmap(tensor.file, mode="r", dtype=np.uint8)
    return data[tensor.start : tensor.end].view(_TYPES[tensor.dtype]).reshape(tensor.shape)


def kinds(file: Path) -> set[str]:
    """Return the types of a file's tensors. Raises UserError if the file is damaged."""
    return {tensor.dtype for tensor in safetensors_header.read(file).tensors}
