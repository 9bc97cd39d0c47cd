"""GGUF into GGUF of another type, by llama.cpp's own quantizer. The types are those that the installed library knows."""

import ctypes
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qtui.engines.llama_cpp import native_log
from qtui.engines.quantizing import gguf_source
from qtui.engines.quantizing.quantization_types import NEEDS_IMATRIX, NOMINAL_BITS, NOT_MADE
from qtui.engines.weights import unfinished
from qtui.engines.weights.precision import gguf_type
from qtui.errors import UserError

_PREFIXES = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")
_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_WHOLE = re.compile(r"quant size\s*=\s*([\d.]+) (?:MiB|MB)(?:.*?\(([\d.]+) BPW\))?")
_FALLBACK = re.compile(r"(\d+) of (\d+) tensor\(s\) required fallback")
_IMATRIX_LATER = "will require an imatrix"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What quantizing would give. `bits` per weight over all tensors; `fallback` tensors get another type, for their rows are
    no multiple of 256."""

    file_bytes: int
    bits: float
    needs_imatrix: bool
    fallback: int = 0


@dataclass(frozen=True, slots=True)
class Quantized:
    file_bytes: int
    bits: float
    fallback: int
    seconds: float


@lru_cache(maxsize=1)
def types() -> dict[str, int]:
    """Name → number of every type of the installed library, e.g. `Q4_K_M`: 15."""
    import llama_cpp

    found = {}
    for constant in dir(llama_cpp):
        for prefix in _PREFIXES:
            if constant.startswith(prefix):
                found[constant.removeprefix(prefix)] = int(getattr(llama_cpp, constant))
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def type_name(precision: str) -> str:
    """The library's name of a type that a person may call otherwise (`fp16`). Raises UserError naming what there is."""
    name = gguf_type(precision)
    if name not in types():
        raise UserError(f'no GGUF type "{precision}"; the installed llama.cpp has {", ".join(types())}')
    return name


def forecast(source: gguf_source.Source, precision: str, imatrix: Path | None = None) -> Forecast:
    """By the library's own reckoning, in milliseconds and without reading a weight; an estimate where it is too old for that.

    An importance matrix changes which tensors get how many bits.
    """
    name = type_name(precision)
    if name in NOT_MADE:
        raise UserError(f"{name}: {NOT_MADE[name]}")
    around = source.file_bytes - source.tensor_bytes
    if not _can_reckon():
        bits = NOMINAL_BITS.get(name, 16.0)
        return Forecast(around + int(source.parameters * bits / 8), bits, name in NEEDS_IMATRIX)
    said = _run(source.path, source.path, name, imatrix=imatrix, dry_run=True)
    tensor_bytes = int(said.mebibytes * (1 << 20))
    bits = said.bits if said.bits is not None else tensor_bytes * 8 / source.parameters
    return Forecast(around + tensor_bytes, bits, said.needs_imatrix, said.fallback)


def quantize(
    source: Path,
    target: Path,
    precision: str,
    *,
    threads: int | None = None,
    imatrix: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Quantized:
    """Write `target` whole or not at all. `progress` gets 0 to 1, by tensors.

    Raises UserError where the source is damaged or quantized already, and with llama.cpp's reason where it fails.
    """
    name = type_name(precision)
    whole = gguf_source.read(source)
    started = time.perf_counter()
    with unfinished.growing(target) as path:
        said = _run(whole.path, path, name, threads=threads, imatrix=imatrix, progress=progress)
    size = target.stat().st_size
    reckoned = (size - whole.file_bytes + whole.tensor_bytes) * 8 / whole.parameters
    return Quantized(size, said.bits or reckoned, said.fallback, time.perf_counter() - started)


class _Said:
    """What llama.cpp tells of its work, which it does in its log alone: `[  12/ 291] blk.1.attn_k.weight …`."""

    def __init__(self, progress: Callable[[float], None] | None) -> None:
        self.progress = progress
        self.mebibytes = 0.0
        self.bits: float | None = None
        self.needs_imatrix = False
        self.fallback = 0

    def hear(self, line: str) -> None:
        tensor = _TENSOR.match(line)
        if tensor and self.progress:
            self.progress((int(tensor[1]) - 1) / int(tensor[2]))
        elif whole := _WHOLE.search(line):
            self.mebibytes = float(whole[1])
            self.bits = float(whole[2]) if whole[2] else None
        elif fallback := _FALLBACK.search(line):
            self.fallback = int(fallback[1])
        self.needs_imatrix |= _IMATRIX_LATER in line


def _run(
    source: Path,
    target: Path,
    name: str,
    *,
    threads: int | None = None,
    imatrix: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[float], None] | None = None,
) -> _Said:
    import llama_cpp

    llama_cpp.llama_backend_init()
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = types()[name]
    settings.nthread = threads or len(os.sched_getaffinity(0))
    importance = _importance(imatrix)
    if importance is not None:
        settings.imatrix = importance.entries
    if dry_run:
        settings.dry_run = True
    said = _Said(progress)
    with native_log.overhearing(said.hear, is_logged=not dry_run):
        failed = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(settings))
    if failed:
        raise UserError(f"{source}: cannot be quantized to {name}: {native_log.last_error()}")
    return said


def _importance(path: Path | None) -> Any:
    if path is None:
        return None
    import llama_cpp

    from qtui.engines.quantizing import imatrix

    if not hasattr(llama_cpp, "llama_model_imatrix_data"):
        raise UserError("the installed llama-cpp-python takes no importance matrix; install a newer one")
    return imatrix.native(imatrix.read(path))


def _can_reckon() -> bool:
    import llama_cpp

    return any(field[0] == "dry_run" for field in llama_cpp.llama_model_quantize_params._fields_)
