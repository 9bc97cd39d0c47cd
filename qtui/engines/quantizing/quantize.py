"""Quantizes a GGUF file to another type with llama.cpp's quantizer. The types are those of the installed library."""

import ctypes
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from qtui.engines.llama_cpp import native_log
from qtui.engines.quantizing import gguf_source
from qtui.engines.quantizing.quantization_types import NEEDS_IMATRIX, NOMINAL_BITS, NOT_MADE
from qtui.engines.weights import unfinished
from qtui.engines.weights.precision import gguf_type
from qtui.errors import UserError

_PREFIXES = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")
_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_TOTAL = re.compile(r"quant size\s*=\s*([\d.]+) (?:MiB|MB)(?:.*?\(([\d.]+) BPW\))?")
_FALLBACK = re.compile(r"(\d+) of (\d+) tensor\(s\) required fallback")
_IMATRIX_LATER = "will require an imatrix"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected result of a quantization. `bits` per weight over all tensors.

    `fallback` tensors get another type, because their rows are not a multiple of 256.
    """

    file_bytes: int
    bits: float
    needs_imatrix: bool
    fallback: int = 0


@dataclass(frozen=True, slots=True)
class Quantized:
    """The result of a quantization; fields as in `Forecast`, `seconds` is its duration."""

    file_bytes: int
    bits: float
    fallback: int
    seconds: float


@lru_cache(maxsize=1)
def types() -> dict[str, int]:
    """Return the number of every type of the installed library by its name, for example `Q4_K_M`: 15."""
    import llama_cpp

    numbers = {}
    for constant in dir(llama_cpp):
        for prefix in _PREFIXES:
            if constant.startswith(prefix):
                numbers[constant.removeprefix(prefix)] = int(getattr(llama_cpp, constant))
    return dict(sorted(numbers.items(), key=lambda pair: pair[1]))


def type_name(precision: str) -> str:
    """Return the library's name of a type, for any usual spelling (`fp16`). Raises UserError with the list of types."""
    name = gguf_type(precision)
    if name not in types():
        raise UserError(f'no GGUF type "{precision}"; the installed llama.cpp has {", ".join(types())}')
    return name


def forecast(source: gguf_source.Source, precision: str, imatrix: Path | None = None) -> Forecast:
    """Return the library's forecast, in milliseconds and without reading weights; an estimate if the library is too old.

    An importance matrix changes how many bits tensors get. Raises UserError if the type is not possible.
    """
    name = type_name(precision)
    if name in NOT_MADE:
        raise UserError(f"{name}: {NOT_MADE[name]}")
    other_bytes = source.file_bytes - source.tensor_bytes
    if not _can_forecast():
        bits = NOMINAL_BITS.get(name, 16.0)
        return Forecast(other_bytes + int(source.parameters * bits / 8), bits, name in NEEDS_IMATRIX)
    report = _run(source.path, source.path, name, imatrix=imatrix, dry_run=True)
    tensor_bytes = int(report.mebibytes * (1 << 20))
    bits = report.bits if report.bits is not None else tensor_bytes * 8 / source.parameters
    return Forecast(other_bytes + tensor_bytes, bits, report.needs_imatrix, report.fallback)


def quantize(
    source: Path,
    target: Path,
    precision: str,
    *,
    threads: int | None = None,
    imatrix: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Quantized:
    """Quantize to `target`, which is written completely or not at all. `progress` gets 0 to 1, by tensors done.

    Raises UserError if the source is damaged or already quantized, and with llama.cpp's reason if it fails.
    """
    name = type_name(precision)
    whole = gguf_source.read(source)
    started = time.perf_counter()
    with unfinished.atomic_target(target) as path:
        report = _run(whole.path, path, name, threads=threads, imatrix=imatrix, progress=progress)
    size = target.stat().st_size
    computed_bits = (size - whole.file_bytes + whole.tensor_bytes) * 8 / whole.parameters
    return Quantized(size, report.bits or computed_bits, report.fallback, time.perf_counter() - started)


_OF_WRITING = "iostream error"
"""In what the C++ library says of an output file that fails; llama.cpp reads by other functions, whose errors read otherwise."""


class _LogReport:
    """Reads progress and results from llama.cpp's log, their only source: `[  12/ 291] blk.1.attn_k.weight …`."""

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
        elif whole := _TOTAL.search(line):
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
) -> _LogReport:
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
    report = _LogReport(progress)
    with native_log.listen_with(report.hear, is_logged=not dry_run):
        failed = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(settings))
    if failed:
        _raise_failed(source, target, name, native_log.last_error())
    return report


def _raise_failed(source: Path, target: Path, name: str, reason: str) -> NoReturn:
    """Raise UserError with llama.cpp's reason. Of a file that cannot grow, llama.cpp says only that a stream of C++ failed."""
    if _OF_WRITING in reason:
        raise UserError(
            f"{target.parent}: the {name} file cannot be written whole: the disk is full, or a quota or a limit on the size of a "
            f"file (`ulimit -f`) is reached ({reason}). Make room, or name another folder."
        )
    raise UserError(f"{source}: cannot be quantized to {name}: {reason}")


def _importance(path: Path | None) -> Any:
    if path is None:
        return None
    import llama_cpp

    from qtui.engines.quantizing import imatrix

    if not hasattr(llama_cpp, "llama_model_imatrix_data"):
        raise UserError("the installed llama-cpp-python does not support importance matrices; install a newer one")
    return imatrix.native(imatrix.read(path))


def _can_forecast() -> bool:
    import llama_cpp

    return any(field[0] == "dry_run" for field in llama_cpp.llama_model_quantize_params._fields_)
