"""Size, memory and speed of a model's types. Missing files are quantized first; then each file is measured in its own process.

Every outcome is reported at once, so that the Models pane shows it and an interrupted benchmark keeps its results.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from qtui import paths
from qtui.engines.protocol.answering import Failed, Loading
from qtui.engines.protocol.benchmark import BenchmarkJob, BenchmarkResult, decode
from qtui.engines.quantizing.quantization_types import LADDER
from qtui.engines.weights import gguf_file
from qtui.files import named_path
from qtui.runner import activity, quantization
from qtui.runner.progress_watch import patience_of_user
from qtui.runner.quantization import QuantizationJob, QuantizedType, Step
from qtui.runner.worker_process import WorkerProcess

PROMPT_TOKENS, NEW_TOKENS, REPEATS = 512, 64, 5


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How each type is measured: tokens of the prompt, tokens generated after it, repeats, threads (None: all physical cores).

    Without `allows_cpu`, a type is not measured if the GPU that llama.cpp is built for cannot be used or computes it wrong.
    """

    prompt_tokens: int = PROMPT_TOKENS
    new_tokens: int = NEW_TOKENS
    repeats: int = REPEATS
    threads: int | None = None
    allows_cpu: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """The measurements of one type. Speeds in tokens per second: median of the repeats, (slowest, fastest). Sizes in bytes."""

    type: str
    path: Path
    file_bytes: int
    parameters: int
    bits: float
    memory_bytes: int
    gpu_bytes: int | None
    load_seconds: float
    prompt_speed: float
    prompt_range: tuple[float, float]
    speed: float
    speed_range: tuple[float, float]
    repeats: int
    prompt_tokens: int
    new_tokens: int
    threads: int
    device: str
    engine_version: str


@dataclass(frozen=True, slots=True)
class NotMeasured:
    type: str
    reason: str


Outcome = Figures | NotMeasured
Report = Callable[[Step | QuantizedType | Outcome], None]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The outcomes of all types. `name` is the model's name, taken from its files."""

    name: str
    outcomes: tuple[Outcome, ...]


async def measure_types(job: QuantizationJob, settings: BenchSettings, report: Report) -> Benchmark:
    """Measure the types that the job names. Without names: a quantized file itself; else the source and the types of LADDER.

    Raises UserError if there is no source, or too little room for the files.
    """
    if not job.types and _is_quantized(job.source):
        only = await _measure(None, job.source, settings, report)
        return Benchmark(Path(job.source.rsplit(":", 1)[-1]).stem, (only,))
    source = await quantization.prepare_source(replace(job, types=job.types or LADDER), report)
    types = [each.type for each in source.types]
    outcomes: list[Outcome] = []
    if not job.types or source.precision in types:
        outcomes.append(await _measure(source.precision, source.path, settings, report))
        source = msgspec.structs.replace(source, types=[t for t in source.types if t.type != source.precision])
    for quantized in await quantization.quantize(job, source, report):
        if quantized.path is None:
            outcomes.append(NotMeasured(quantized.type, quantized.reason))
            report(outcomes[-1])
        else:
            outcomes.append(await _measure(quantized.type, str(quantized.path), settings, report))
    return Benchmark(source.name, tuple(outcomes))


def _is_quantized(source: str) -> bool:
    """Whether the source is a quantized GGUF file. One on the hub is assumed to be: of a whole model the user names the folder."""
    path = named_path.expanded(source)
    if path.suffix == ".gguf" and path.is_file():
        return gguf_file.read_header(path).values.get("general.file_type") not in (0, 1, 32)
    return source.endswith(".gguf") and ":" in source


async def _measure(type_: str | None, path: str, settings: BenchSettings, report: Report) -> Outcome:
    """Measure one file and report its outcome. `type_` None takes the type from the file."""
    outcome = await _run_process(type_, path, settings, report)
    report(outcome)
    return outcome


async def _run_process(type_: str | None, path: str, settings: BenchSettings, report: Report) -> Outcome:
    """Measure one file in a process of its own, so that a crash affects only this file."""
    request = BenchmarkJob(
        path, settings.prompt_tokens, settings.new_tokens, settings.repeats, settings.threads, settings.allows_cpu
    )
    measured: BenchmarkResult | None = None
    # One repeat may compute for hours, and says nothing before it is done.
    patience = replace(patience_of_user(), busy=math.inf)
    log, module = paths.logs() / "bench.log", "qtui.engines.processes.benchmark"
    async with WorkerProcess(log, module, patience=patience) as process:
        await process.send(request)
        async for line in process.lines():
            message = decode(line)
            if isinstance(message, Loading):
                process.activity = activity.loading(message, type_ or Path(path).name)
                report(Step(type_ or "", message.phase, message.fraction))
            elif isinstance(message, Failed):
                return NotMeasured(type_ or path, message.reason)
            elif isinstance(message, BenchmarkResult):
                measured = message
        if measured is None:
            return NotMeasured(type_ or path, await process.describe_end())
    return _figures(type_ or measured.precision, measured, settings)


def _figures(type_: str, measured: BenchmarkResult, settings: BenchSettings) -> Figures:
    return Figures(
        type=type_,
        path=Path(measured.path),
        file_bytes=measured.file_bytes,
        parameters=measured.parameters,
        bits=measured.bits,
        memory_bytes=measured.memory_bytes,
        gpu_bytes=measured.gpu_bytes,
        load_seconds=measured.load_seconds,
        prompt_speed=statistics.median(measured.prompt_speeds),
        prompt_range=(min(measured.prompt_speeds), max(measured.prompt_speeds)),
        speed=statistics.median(measured.speeds),
        speed_range=(min(measured.speeds), max(measured.speeds)),
        repeats=len(measured.speeds),
        prompt_tokens=settings.prompt_tokens,
        new_tokens=settings.new_tokens,
        threads=measured.threads,
        device=measured.device,
        engine_version=measured.engine_version,
    )
