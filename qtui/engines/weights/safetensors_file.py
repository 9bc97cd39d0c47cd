"""Reads tensors of a safetensors file as memory-mapped numpy arrays, bfloat16 included, without torch.

Format: eight bytes with the length of a JSON header, the header, the data.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qtui.errors import UserError

BFLOAT16 = "BF16"
_TYPES = {"F32": "<f4", "F16": "<f2", BFLOAT16: "<u2"}


def tensors(file: Path) -> Iterator[tuple[str, str, npt.NDArray[Any]]]:
    """Yield (name, type, array) of each tensor; bfloat16 values as their 16 bits. Raises UserError if the file is damaged."""
    header, start = _header(file)
    data = np.memmap(file, mode="r", dtype=np.uint8)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind = entry["dtype"]
        if kind not in _TYPES:
            raise UserError(f"{file}: tensor {name} has type {kind}; only F32, F16 and BF16 can be converted")
        first, last = (start + offset for offset in entry["data_offsets"])
        if last > len(data):
            raise UserError(f"{file}: cut off: tensor {name} ends beyond the file; download it again")
        yield name, kind, data[first:last].view(_TYPES[kind]).reshape(entry["shape"])


def kinds(file: Path) -> set[str]:
    """Return the types of a file's tensors. Raises UserError if the file is damaged."""
    return {entry["dtype"] for name, entry in _header(file)[0].items() if name != "__metadata__"}


def _header(file: Path) -> tuple[dict[str, Any], int]:
    size = file.stat().st_size
    with file.open("rb") as data:
        length = int.from_bytes(data.read(8), "little")
        if size < 8 or length > size - 8:
            raise UserError(f"{file}: not a complete safetensors file ({size:,} bytes); download it again")
        try:
            header = json.loads(data.read(length))
        except ValueError:
            raise UserError(f"{file}: not a safetensors file (its header is not JSON); download it again") from None
    return header, 8 + length
