"""GGUF into GGUF of another type, by llama.cpp's own quantizer. The types are those that the installed library knows."""

import ctypes
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from qtui.engines import gguf_file, llama_log
from qtui.engines.precision import gguf_type
from qtui.errors import UserError

NEEDS_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"})
"""Types that llama.cpp refuses to make without an importance matrix (measured on every type of 0.3.36)."""

_PREFIXES = ("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")
_TENSOR = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")


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


def quantize(
    source: Path,
    target: Path,
    precision: str,
    *,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write `target` whole or not at all. `progress` gets 0 to 1, by tensors.

    Raises UserError with llama.cpp's reason where it fails.
    """
    import llama_cpp

    name = type_name(precision)
    gguf_file.read_header(source)
    llama_cpp.llama_backend_init()
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = types()[name]
    settings.nthread = threads or len(os.sched_getaffinity(0))
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with llama_log.overhearing(_counting(progress)):
            failed = llama_cpp.llama_model_quantize(
                os.fsencode(source), os.fsencode(unfinished), ctypes.byref(settings)
            )
        if failed:
            raise UserError(f"{source}: cannot be quantized to {name}: {llama_log.last_error()}")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _counting(progress: Callable[[float], None] | None) -> Callable[[str], None]:
    """llama.cpp tells how far it is in its log alone: `[  12/ 291] blk.1.attn_k.weight …`."""

    def heard(line: str) -> None:
        found = _TENSOR.match(line)
        if found and progress:
            progress((int(found[1]) - 1) / int(found[2]))

    return heard
