"""What is said to the process that measures one GGUF file, and what it says; the form is that of `protocol.answering`.

asked   → BenchWanted
process → Loading*
process → Measured
process → Finished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Finished, Loading


class BenchWanted(msgspec.Struct, frozen=True, tag=True):
    """`path` is whatever may be written as weights, if it is one file.

    `prompt_tokens` are read at once, then `new_tokens` one by one; all of it `repeats` times.
    """

    path: str
    prompt_tokens: int
    new_tokens: int
    repeats: int
    threads: int | None = None
    allows_cpu: bool = False


class Measured(msgspec.Struct, frozen=True, tag=True):
    """Speeds in tokens per second, one per repeat. Memory in bytes: what loading and running added to the bare process."""

    path: str
    precision: str
    file_bytes: int
    parameters: int
    bits: float
    load_seconds: float
    prompt_speeds: list[float]
    speeds: list[float]
    memory_bytes: int
    peak_rss_bytes: int
    gpu_bytes: int | None
    device: str
    threads: int
    engine_version: str


FromBench = Measured | Loading | Finished | Failed
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromBench)


def decode(line: bytes) -> FromBench:
    message: FromBench = _decode.decode(line)
    return message
