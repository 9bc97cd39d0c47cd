"""Importance matrices: how much each input of each weight tensor matters, as measured by llama.cpp's `llama-imatrix`.

Two file formats are read: GGUF (newer; `NAME.in_sum2`, `NAME.counts`) and binary (older; `imatrix.dat`). Formulas as in llama.cpp's
quantize tool: sums of squares divided by their number of terms. An expert that was never used has importance 1.
"""

import ctypes
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from qtui.engines.weights import gguf_file
from qtui.errors import UserError
from qtui.files.parsing import parsing

_SUMS, _COUNTS = ".in_sum2", ".counts"
_F32 = 0
_LONGEST_NAME = 4096

Matrix = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Native:
    """A matrix as llama.cpp's C structures. `keep` must live as long as `entries` is used."""

    entries: Any
    keep: list[Any]


def read(path: Path) -> Matrix:
    """Return the importance per input by tensor name.

    Raises UserError if the file is not a matrix, damaged or has NaN or infinity.
    """
    with parsing(path, "an importance matrix", "create the file again"), path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        matrix = _read_gguf(path) if magic == gguf_file.MAGIC else _read_binary(file, path)
    for name, values in matrix.items():
        if not np.isfinite(values).all():
            raise UserError(f"{path}: the importance of {name} contains NaN or infinity; create the file again")
    return matrix


def native(matrix: Matrix) -> Native:
    """Return a matrix in the form that llama.cpp takes."""
    import llama_cpp

    entries: Any = (llama_cpp.llama_model_imatrix_data * (len(matrix) + 1))()
    keep: list[Any] = [entries]
    for entry, (name, values) in zip(entries, matrix.items(), strict=False):
        data = np.ascontiguousarray(values, dtype=np.float32)
        keep.append(data)
        entry.name = name.encode()
        entry.data = data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = data.size
    return Native(entries, keep)


def _read_gguf(path: Path) -> Matrix:
    tensors = {tensor.name: tensor for tensor in gguf_file.read_tensors(gguf_file.read_header(path))}
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    if not names:
        raise UserError(f"{path}: a GGUF file without an importance matrix (llama-imatrix creates one)")
    with path.open("rb") as file:
        matrix = {}
        for name in names:
            counts = tensors.get(name + _COUNTS)
            if counts is None:
                raise UserError(f"{path}: damaged: {name} has sums but no counts; create the file again")
            matrix[name] = _mean_squares(_values(file, path, tensors[name + _SUMS]), _values(file, path, counts))
    return matrix


def _mean_squares(sums: npt.NDArray[np.float32], counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sums of squares divided by counts. `sums` has one row for each of `counts`: one, or one per expert."""
    rows = sums.reshape(counts.size, -1)
    used = np.rint(counts).reshape(-1, 1)
    return np.where(used > 0, rows / np.where(used > 0, used, 1), 1).astype(np.float32).reshape(-1)


def _values(file: BinaryIO, path: Path, tensor: gguf_file.TensorInfo) -> npt.NDArray[np.float32]:
    is_inside = tensor.offset + tensor.elements * 4 <= path.stat().st_size
    file.seek(tensor.offset)
    data = file.read(tensor.elements * 4) if is_inside else b""
    if tensor.type != _F32 or len(data) < tensor.elements * 4 or not tensor.elements:
        raise UserError(f"{path}: damaged or cut off at {tensor.name}; create the file again")
    return np.frombuffer(data, "<f4")


def _read_binary(file: BinaryIO, path: Path) -> Matrix:
    size = path.stat().st_size
    matrix: Matrix = {}
    try:
        (entries,) = struct.unpack("<i", file.read(4))
        if not 1 <= entries <= size:
            raise ValueError
        for _ in range(entries):
            (length,) = struct.unpack("<i", file.read(4))
            if not 1 <= length <= _LONGEST_NAME:
                raise ValueError
            name = file.read(length).decode("utf-8")
            calls, count = struct.unpack("<ii", file.read(8))
            data = file.read(count * 4) if 0 < count * 4 <= size else b""
            if not data or len(data) < count * 4:
                raise ValueError
            matrix[name] = (np.frombuffer(data, "<f4") / max(calls, 1)).astype(np.float32)
    except (struct.error, ValueError):
        raise UserError(f"{path}: not an importance matrix, or a damaged one (llama-imatrix creates them)") from None
    return matrix
