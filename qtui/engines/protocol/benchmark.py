"""Messages of the process that measures one GGUF file, in the format of `protocol.answering`.

runner  → BenchmarkJob
process → Loading*
process → BenchmarkResult
process → Finished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Finished, Loading


class BenchmarkJob(msgspec.Struct, frozen=True, tag=True):
    """What to measure. `path` is anything that a user may write as weights and that is one file.

    `prompt_tokens` are read in one go, then `new_tokens` are generated one by one; all this `repeats` times.
    """

    path: str
    prompt_tokens: int
    new_tokens: int
    repeats: int
    threads: int | None = None
    allows_cpu: bool = False


class BenchmarkResult(msgspec.Struct, frozen=True, tag=True):
    """Speeds in tokens per second, one per repeat.

    `memory_bytes` and `gpu_bytes`: what loading and running added. `bits` per weight.
    """

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


FromBenchmark = BenchmarkResult | Loading | Finished | Failed
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromBenchmark)


def decode(line: bytes) -> FromBenchmark:
    """Return the message in a line. Raises msgspec.DecodeError for anything else."""
    message: FromBenchmark = _decode.decode(line)
    return message
