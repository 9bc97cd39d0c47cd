"""The process that prepares what is to be quantized: a GGUF file as it is, or one made of a folder.

`python -m qtui.engines.processes.quantization_source`, with the messages of `protocol.quantization`.
"""

import re
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from qtui.engines import available
from qtui.engines.conversion import kept_gguf, llama_settings
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished
from qtui.engines.protocol.quantization import SourceFound, SourceWanted, TypeForecast
from qtui.engines.quantizing import gguf_source, imatrix, quantize
from qtui.engines.quantizing.quantization_types import NEEDS_IMATRIX
from qtui.engines.weights import fingerprint, gguf_file
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.processes import log

_PRECISION_IN_NAME = re.compile(r"[-_.](?:F16|FP16|BF16|F32|FP32)(?=$|-\d{5}-of-)", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}$")


def work(asked: BinaryIO, say: child.Say) -> None:
    # Asked to end, it raises where it is, so that a file that is half converted is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = child.read(asked, SourceWanted)
    log.note(f"to prepare: {wanted}")
    child.die_at_end_of(asked)
    matrix = Path(wanted.imatrix) if wanted.imatrix else None
    if matrix:
        imatrix.read(matrix)
    weights = WeightsFinder(say).find_weights(wanted.source, llama_settings.check_settings)
    whole, home = weights.path, weights.path.parent
    if weights.is_folder:
        version = available.version_of("llama.cpp")
        how = kept_gguf.Conversion(Path(wanted.converter) if wanted.converter else None, wanted.trust_remote_code)
        whole = kept_gguf.whole_gguf(weights, kept_gguf.cached(weights.fingerprint, version), say, how)
        home = kept_gguf.cached(
            weights.fingerprint, version, fingerprint.of_files(gguf_file.parts(matrix)) if matrix else ""
        )
    source = gguf_source.read(whole)
    say(
        SourceFound(
            path=str(source.path),
            name=model_name(weights),
            home=str(home),
            precision=source.precision,
            parameters=source.parameters,
            file_bytes=source.file_bytes,
            made=weights.is_folder,
            types=[_forecast(source, each, matrix) for each in wanted.types],
        )
    )
    say(Finished())


def model_name(weights: Weights) -> str:
    """`calm2-7b` of a folder, of `calm2-7b-F16.gguf` and of `calm2-7b.f16-00001-of-00002.gguf`."""
    if weights.is_folder:
        return weights.name
    stem = weights.path.stem
    return _PART.sub("", _PRECISION_IN_NAME.sub("", stem)) or stem


def _forecast(source: gguf_source.Source, wanted: str, matrix: Path | None) -> TypeForecast:
    """What is known to fail is said here, before anything is started."""
    try:
        name = quantize.type_name(wanted)
        reckoned = quantize.forecast(source, name, matrix)
    except UserError as error:
        return TypeForecast(wanted, reason=str(error))
    if not matrix and (reckoned.needs_imatrix or name in NEEDS_IMATRIX):
        return TypeForecast(
            name,
            f"{name} needs an importance matrix: name one with --imatrix FILE (llama.cpp's llama-imatrix makes it)",
        )
    return TypeForecast(name, file_bytes=reckoned.file_bytes, bits=reckoned.bits, number=quantize.types()[name])


if __name__ == "__main__":
    child.run(work)
