"""An importance matrix: how much each input of each weight matters, as llama.cpp's `llama-imatrix` measures and writes it.

Two forms of file, the newer GGUF (`NAME.in_sum2`, `NAME.counts`) and the older binary one (`imatrix.dat`). Formulas as in
llama.cpp's quantize tool: sums of squares divided by how often they were summed; an expert that was never used counts as 1.
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

_SUMS, _COUNTS = ".in_sum2", ".counts"
_F32 = 0
_LONGEST_NAME = 4096

Matrix = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Native:
    """The form that llama.cpp takes; `keep` must live as long as `entries` is used."""

    entries: Any
    keep: list[Any]


def read(path: Path) -> Matrix:
    """Tensor name → importance per input. Raises UserError where the file is none, damaged or not finite."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            matrix = _of_gguf(path) if magic == gguf_file.MAGIC else _of_binary(file, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    for name, values in matrix.items():
        if not np.isfinite(values).all():
            raise UserError(f"{path}: importance of {name} has values that are no numbers; make the file again")
    return matrix


def native(matrix: Matrix) -> Native:
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


def _of_gguf(path: Path) -> Matrix:
    tensors = {tensor.name: tensor for tensor in gguf_file.read_tensors(gguf_file.read_header(path))}
    names = [name.removesuffix(_SUMS) for name in tensors if name.endswith(_SUMS)]
    if not names:
        raise UserError(f"{path}: is a GGUF file without an importance matrix (llama-imatrix makes one)")
    with path.open("rb") as file:
        found = {}
        for name in names:
            counts = tensors.get(name + _COUNTS)
            if counts is None:
                raise UserError(f"{path}: damaged: {name} has sums and no counts; make the file again")
            found[name] = _normalised(_values(file, path, tensors[name + _SUMS]), _values(file, path, counts))
    return found


def _normalised(sums: npt.NDArray[np.float32], counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`sums` has a row for each of `counts`: one, or one per expert."""
    rows = sums.reshape(counts.size, -1)
    used = np.rint(counts).reshape(-1, 1)
    return np.where(used > 0, rows / np.where(used > 0, used, 1), 1).astype(np.float32).reshape(-1)


def _values(file: BinaryIO, path: Path, tensor: gguf_file.TensorInfo) -> npt.NDArray[np.float32]:
    file.seek(tensor.offset)
    data = file.read(tensor.elements * 4)
    if tensor.type != _F32 or len(data) < tensor.elements * 4 or not tensor.elements:
        raise UserError(f"{path}: damaged or cut off at {tensor.name}; make the file again")
    return np.frombuffer(data, "<f4")


def _of_binary(file: BinaryIO, path: Path) -> Matrix:
    size = path.stat().st_size
    found: Matrix = {}
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
            found[name] = (np.frombuffer(data, "<f4") / max(calls, 1)).astype(np.float32)
    except (struct.error, ValueError):
        raise UserError(f"{path}: not an importance matrix, or a damaged one (llama-imatrix makes them)") from None
    return found
