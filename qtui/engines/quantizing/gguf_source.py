"""What GGUF files may be quantized, checked before native code sees them: whole ones, in F32, F16 or BF16, with all their parts.

A file that is quantized already has lost what another type would have kept, and llama.cpp refuses it after minutes; here it is said
at once.
"""

from dataclasses import dataclass
from pathlib import Path

from qtui.engines.weights import gguf_file
from qtui.errors import UserError

_BYTES = {0: 4, 1: 2, 30: 2}
"""Bytes per weight of ggml's F32, F16 and BF16, by their numbers."""
_INTEGERS = frozenset(range(24, 29))
"""I8 to I64 and F64: small tables that are copied as they are."""
_NAMES = {0: "F32", 1: "F16", 30: "BF16"}


@dataclass(frozen=True, slots=True)
class Source:
    """A whole model. `path` is the first of its files, `precision` the type of most of its weights, `file_bytes` of all files."""

    path: Path
    precision: str
    parameters: int
    tensor_bytes: int
    file_bytes: int
    architecture: str


def read(path: Path) -> Source:
    """Raises UserError where the file, or a part of it, is damaged, missing, quantized already or no model."""
    files = gguf_file.parts(path)
    headers = [gguf_file.read_header(file) for file in files]
    weights: dict[int, int] = {}
    tensor_bytes = 0
    for file, header in zip(files, headers, strict=True):
        for tensor in gguf_file.read_tensors(header):
            size = _size(file, tensor)
            if tensor.offset + size > file.stat().st_size:
                raise UserError(
                    f"{file}: cut off: tensor {tensor.name} does not end within its {file.stat().st_size:,} bytes; fetch it again"
                )
            weights[tensor.type] = weights.get(tensor.type, 0) + tensor.elements
            tensor_bytes += size
    if not weights or not headers[0].architecture:
        raise UserError(f"{path}: holds no model's weights, so there is nothing to quantize")
    most = max(weights, key=lambda kind: weights[kind])
    return Source(
        path=files[0],
        precision=_NAMES.get(most, str(most)),
        parameters=sum(weights.values()),
        tensor_bytes=tensor_bytes,
        file_bytes=sum(file.stat().st_size for file in files),
        architecture=headers[0].architecture,
    )


def _size(file: Path, tensor: gguf_file.TensorInfo) -> int:
    """Bytes. Raises UserError where the tensor is quantized."""
    if tensor.type in _BYTES:
        return tensor.elements * _BYTES[tensor.type]
    if tensor.type in _INTEGERS:
        return tensor.elements
    raise UserError(
        f"{file}: quantized already (tensor {tensor.name} is {_type_name(tensor.type)}); what it lost cannot come back: quantize "
        "the F16, BF16 or F32 file, or the model's folder"
    )


def _type_name(number: int) -> str:
    import gguf

    try:
        return gguf.GGMLQuantizationType(number).name
    except ValueError:
        return f"of type {number}"
