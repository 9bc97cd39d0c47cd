"""The process that makes one GGUF file of another, `python -m qtui.engines.making_type`."""

from pathlib import Path
from typing import BinaryIO

from qtui.engines import child, quantize, weights
from qtui.engines.making_protocol import TypeMade, TypeWanted
from qtui.engines.protocol import Finished
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
        progress=weights.reporting(say, f"quantizing to {wanted.precision}"),
    )
    say(TypeMade(made.file_bytes, made.bits, made.fallback, made.seconds))
    say(Finished({}))


if __name__ == "__main__":
    child.run(work)
