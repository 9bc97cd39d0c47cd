"""The header of a safetensors file: names, types and places of its tensors, read without numpy and without any value.

Format: eight bytes with the length of a JSON header, the header, the data, which the tensors fill without gaps.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from qtui.engines.weights import file_faults
from qtui.errors import UserError, shortened
from qtui.files.parsing import parsing

MOST = 2**63 - 1
LONGEST_HEADER = 100_000_000
"""Bytes; the library refuses longer ones, too."""
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F4": 4,
    "F6_E2M3": 6, "F6_E3M2": 6, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64,
    "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a file. `start` and `end` are bytes from the file's beginning."""

    name: str
    dtype: str
    """The format's name of the type, such as `BF16` or `F8_E4M3`."""
    shape: tuple[int, ...]
    file: Path
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """The tensors of one file, and the texts that its writer noted in it."""

    tensors: tuple[StoredTensor, ...]
    metadata: dict[str, str] = field(default_factory=dict)


def read(file: Path) -> Header:
    """Return the header of a file. Raises UserError if the file is missing, damaged, or shorter or longer than the header says."""
    file_faults.check_exists(file)
    size = file.stat().st_size
    try:
        content, start = _json(file, size)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error})") from None
    metadata = content.pop("__metadata__", None)
    tensors = tuple(_tensor(file, name, entry, start) for name, entry in content.items())
    _check_size(file, tensors, start, size)
    noted = metadata if isinstance(metadata, dict) else {}
    return Header(tensors, {str(name): str(value) for name, value in noted.items()})


def _json(file: Path, size: int) -> tuple[dict[str, Any], int]:
    """The header as it is written, and where the data begins."""
    with file.open("rb") as data:
        begin = data.read(file_faults.START_BYTES)
        if fault := file_faults.fault_of(begin):
            raise UserError(f"{file}: {fault}")
        length = int.from_bytes(begin[:8], "little")
        data.seek(8)
        if size < 8 or length > size - 8:
            raise UserError(f"{file}: not a complete safetensors file ({size:,} bytes); download it again")
        if length > LONGEST_HEADER:
            raise UserError(f"{file}: not a safetensors file (a header of {length:,} bytes); download it again")
        with parsing(file, "safetensors", "its header is not JSON: download it again"):
            header = json.loads(data.read(length))
    if not isinstance(header, dict):
        raise UserError(f"{file}: not a safetensors file (its header is no JSON object); download it again")
    return header, 8 + length


def _tensor(file: Path, name: str, entry: Any, start: int) -> StoredTensor:
    values = entry if isinstance(entry, dict) else {}
    offsets, shape, dtype = values.get("data_offsets"), values.get("shape"), values.get("dtype")
    if not (_are_counts(offsets) and len(offsets) == 2 and _are_counts(shape) and isinstance(dtype, str)):
        raise _no_tensor(file, name, "has no type, shape and place")
    (first, last), bits = offsets, _BITS.get(dtype)
    if last < first or (bits and last - first != -(-math.prod(shape) * bits // 8)):
        raise _no_tensor(file, name, f"has another size than {dtype} of its shape")
    return StoredTensor(name, dtype, tuple(shape), file, start + first, start + last)


def _are_counts(values: Any) -> TypeGuard[list[int]]:
    """Whether this is a list of whole numbers from 0. JSON's 1.0, true and NaN are none."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value <= MOST for value in values)


def _no_tensor(file: Path, name: str, what: str) -> UserError:
    return UserError(
        f"{file}: damaged: its header does not describe tensors as the format demands ({shortened(name, 80)} {what}); "
        "download it again"
    )


def _check_size(file: Path, tensors: tuple[StoredTensor, ...], start: int, size: int) -> None:
    end = start
    for tensor in sorted(tensors, key=lambda each: (each.start, each.end)):
        if tensor.end > size:
            raise UserError(
                f"{file}: cut off: tensor {tensor.name} ends at byte {tensor.end:,}, but the file has {size:,}; download it again"
            )
        if tensor.start != end:
            raise UserError(
                f"{file}: damaged: tensor {tensor.name} begins at byte {tensor.start:,} and not at {end:,}; download it again"
            )
        end = tensor.end
    if end != size:
        raise UserError(
            f"{file}: damaged: its header describes {end:,} bytes, but the file has {size:,}; download it again"
        )
