"""The process that prepares the source of a quantization: a GGUF file, or a folder converted to one.

`python -m qtui.engines.processes.quantization_source`, with the messages of `protocol.quantization`.
"""

import re
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from qtui.engines import available
from qtui.engines.conversion import gguf_cache, llama_settings
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished
from qtui.engines.protocol.quantization import PreparedSource, SourceRequest, TypeForecast
from qtui.engines.quantizing import gguf_source, imatrix, imatrix_source, quantize
from qtui.engines.quantizing.quantization_types import NEEDS_IMATRIX
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import Weights, open_weights
from qtui.errors import UserError
from qtui.processes import log

_PRECISION_IN_NAME = re.compile(r"[-_.](?:F16|FP16|BF16|F32|FP32)(?=$|-\d{5}-of-)", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}$")


def work(incoming: BinaryIO, send: child.Send) -> None:
    """Locate and convert the source, and forecast each type. Raises UserError if there is no such source."""
    # SIGTERM raises an exception, so that a partly converted file is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    job = child.read_message(incoming, SourceRequest)
    log.note(f"source to quantize: {job}")
    child.die_with_pipe(incoming)
    named = Path(job.imatrix) if job.imatrix else None
    if named and not imatrix_source.is_text(named):
        imatrix.read(named)
    converter = Path(job.converter) if job.converter else None
    weights = WeightsFinder(send).find_weights(
        job.source, lambda settings: llama_settings.check_settings(settings, job.source, converter)
    )
    if weights.is_folder:
        llama_settings.check_settings(weights, job.source, converter)
        if not job.pickled_weights:
            weights.refuse_pickled("say --pickled-weights")
    chosen = available.untested("llama.cpp")
    key = imatrix_source.key_of(named, chosen.accelerator) if named else ""
    gguf_path, home = weights.path, weights.path.parent
    if weights.is_folder:
        version = available.version_of("llama.cpp")
        how = gguf_cache.Conversion(converter, job.trust_remote_code)
        gguf_path = gguf_cache.lossless_gguf(weights, gguf_cache.cache_folder(weights, version), send, how)
        home = gguf_cache.cache_folder(weights, version, key)
    source = gguf_source.read(gguf_path)
    matrix = gguf_cache.importance_matrix(named, key, open_weights(gguf_path), send, chosen) if named else None
    send(
        PreparedSource(
            path=str(source.path),
            name=model_name(weights),
            home=str(home),
            precision=source.precision,
            parameters=source.parameters,
            file_bytes=source.file_bytes,
            is_converted=weights.is_folder,
            types=[_forecast(source, each, matrix) for each in job.types],
            imatrix=str(matrix) if matrix else None,
            notes=list(weights.notes),
        )
    )
    send(Finished())


def model_name(weights: Weights) -> str:
    """Return the name for quantized files: `calm2-7b` for a folder of this name, `calm2-7b-F16.gguf` and
    `calm2-7b.f16-00001-of-00002.gguf`.
    """
    if weights.is_folder:
        return weights.name
    stem = weights.path.stem
    return _PART.sub("", _PRECISION_IN_NAME.sub("", stem)) or stem


def _forecast(source: gguf_source.Source, requested: str, matrix: Path | None) -> TypeForecast:
    """The forecast of one type. A type that is known to fail is reported here, before any quantization starts."""
    try:
        name = quantize.type_name(requested)
        expected = quantize.forecast(source, name, matrix)
    except UserError as error:
        return TypeForecast(requested, reason=str(error))
    if not matrix and (expected.needs_imatrix or name in NEEDS_IMATRIX):
        return TypeForecast(
            name,
            f"{name} needs an importance matrix: pass one with --imatrix FILE (made by llama.cpp's llama-imatrix, or a text of "
            "which qtui makes one)",
        )
    return TypeForecast(name, file_bytes=expected.file_bytes, bits=expected.bits, number=quantize.types()[name])


if __name__ == "__main__":
    child.run(work)
