"""The process that quantizes one GGUF file to one type: `python -m qtui.engines.processes.quantization_type`."""

from pathlib import Path
from typing import BinaryIO

from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished, Loading
from qtui.engines.protocol.loading_progress import whole_percents
from qtui.engines.protocol.quantization import QuantizationRequest, QuantizationResult
from qtui.engines.quantizing import quantize
from qtui.processes import log


def work(incoming: BinaryIO, send: child.Send) -> None:
    """Quantize one file to one type. Raises UserError with llama.cpp's reason if that fails."""
    job = child.read_message(incoming, QuantizationRequest)
    log.note(f"quantization: {job}")
    child.die_with_pipe(incoming)
    source, phase = Path(job.source), f"quantizing to {job.precision}"
    if source.is_file():
        send(Loading(phase, weights_bytes=source.stat().st_size))
    result = quantize.quantize(
        source,
        Path(job.target),
        job.precision,
        threads=job.threads,
        imatrix=Path(job.imatrix) if job.imatrix else None,
        progress=whole_percents(send, phase),
    )
    send(QuantizationResult(result.file_bytes, result.bits, result.fallback, result.seconds))
    send(Finished())


if __name__ == "__main__":
    child.run(work)
