"""Checks before native code reads it that a GGUF file can be quantized: complete, in F32, F16 or BF16, with all its parts.

Quantizing a quantized file would add its losses, and llama.cpp refuses it only after minutes. Here the error comes at once.
"""

from dataclasses import dataclass
from pathlib import Path

from qtui.engines.weights import gguf_file
from qtui.errors import UserError

_BYTES = {0: 4, 1: 2, 30: 2}
"""Bytes per weight of ggml's F32, F16 and BF16, by their numbers."""
_INTEGERS = frozenset(range(24, 29))
"""ggml's numbers of I8 to I64 and F64: small tables, which are copied unchanged."""
_NAMES = {0: "F32", 1: "F16", 30: "BF16"}


@dataclass(frozen=True, slots=True)
class Source:
    """A complete model.

    `path` is its first file, `precision` the type of most of its weights, `file_bytes` the size of all files.
    """

    path: Path
    precision: str
    parameters: int
    tensor_bytes: int
    file_bytes: int
    architecture: str


def read(path: Path) -> Source:
    """Return the model in a file.

    Raises UserError if the file or a part of it is damaged, missing, already quantized or no model.
    """
    files = gguf_file.parts(path)
    headers = [gguf_file.read_header(file) for file in files]
    weights: dict[int, int] = {}
    tensor_bytes = 0
    for file, header in zip(files, headers, strict=True):
        for tensor in gguf_file.read_tensors(header):
            size = _size(file, tensor)
            if tensor.offset + size > file.stat().st_size:
                raise UserError(
                    f"{file}: cut off: tensor {tensor.name} ends beyond its {file.stat().st_size:,} bytes; download it again"
                )
            weights[tensor.type] = weights.get(tensor.type, 0) + tensor.elements
            tensor_bytes += size
    if not weights or not headers[0].architecture:
        raise UserError(f"{path}: contains no model weights, so there is nothing to quantize")
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
    """The tensor's size in bytes. Raises UserError if it is quantized."""
    if tensor.type in _BYTES:
        return tensor.elements * _BYTES[tensor.type]
    if tensor.type in _INTEGERS:
        return tensor.elements
    raise UserError(
        f"{file}: is already quantized (tensor {tensor.name} is {_type_name(tensor.type)}); quantize the F16, BF16 or F32 file "
        "or the model's folder instead"
    )


def _type_name(number: int) -> str:
    import gguf

    try:
        return gguf.GGMLQuantizationType(number).name
    except ValueError:
        return f"of type {number}"
