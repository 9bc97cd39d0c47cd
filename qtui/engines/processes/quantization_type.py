"""The process that makes one GGUF file of another, `python -m qtui.engines.processes.quantization_type`."""

from pathlib import Path
from typing import BinaryIO

from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished
from qtui.engines.protocol.loading_progress import whole_percents
from qtui.engines.protocol.quantization import TypeMade, TypeWanted
from qtui.engines.quantizing import quantize
from qtui.processes import log


def work(asked: BinaryIO, say: child.Say) -> None:
    wanted = child.read(asked, TypeWanted)
    log.note(f"to make: {wanted}")
    child.die_at_end_of(asked)
    made = quantize.quantize(
        Path(wanted.source),
        Path(wanted.target),
        wanted.precision,
        threads=wanted.threads,
        imatrix=Path(wanted.imatrix) if wanted.imatrix else None,
        progress=whole_percents(say, f"quantizing to {wanted.precision}"),
    )
    say(TypeMade(made.file_bytes, made.bits, made.fallback, made.seconds))
    say(Finished())


if __name__ == "__main__":
    child.run(work)
