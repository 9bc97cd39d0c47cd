"""Quantizing one source to GGUF files of several types. The whole job is checked first; then each type has a process of its own.

A type that fails does not stop the others. No unfinished file is left, whenever the job is interrupted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from qtui import catalog, paths
from qtui.engines.protocol.answering import Failed, Loading
from qtui.engines.protocol.quantization import (
    PreparedSource,
    QuantizationRequest,
    QuantizationResult,
    SourceRequest,
    TypeForecast,
    decode,
)
from qtui.engines.weights import gguf_file, unfinished
from qtui.errors import UserError
from qtui.files import named_path
from qtui.files.disk_room import check_room
from qtui.runner import activity
from qtui.runner.worker_process import WorkerProcess

SLACK_BYTES = 1 << 16
"""Tolerance of a size forecast: it is rounded to hundredths of a MiB, and versions of llama.cpp write different headers."""

_Result = TypeVar("_Result", PreparedSource, QuantizationResult)


@dataclass(frozen=True, slots=True)
class QuantizationJob:
    """What to quantize to which types. `source` is anything that can be written as weights, or a catalog name."""

    source: str
    types: tuple[str, ...]
    out: Path | None = None
    """The folder of the new files; None is the source's `home`."""
    imatrix: Path | None = None
    """An importance matrix, or a text of which one is made."""
    converter: Path | None = None
    """A folder with llama.cpp's sources, for models that qtui does not convert itself."""
    trust_remote_code: bool = False
    pickled_weights: bool = False
    force: bool = False
    """Whether existing files are replaced."""
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class QuantizedType:
    """The outcome for one type. `reason` says why there is no file, else it is empty; `existed`: the file was there before."""

    type: str
    path: Path | None = None
    file_bytes: int | None = None
    bits: float | None = None
    """Bits per weight over all tensors."""
    fallback: int = 0
    """Number of tensors that got another type."""
    seconds: float | None = None
    existed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of the job. `type` is None for the source, `fraction` None if it is not known."""

    type: str | None
    phase: str
    fraction: float | None = None


Report = Callable[[Step | QuantizedType], None]


async def prepare_source(job: QuantizationJob, report: Report) -> PreparedSource:
    """Find the source; download and convert it if needed. Returns it with a size forecast for each type.

    Raises UserError if there is no such source.
    """
    request = SourceRequest(
        source=weights_of(job.source),
        types=list(job.types),
        imatrix=str(job.imatrix) if job.imatrix else None,
        converter=str(job.converter) if job.converter else None,
        trust_remote_code=job.trust_remote_code,
        pickled_weights=job.pickled_weights,
    )
    return await _run_process("qtui.engines.processes.quantization_source", request, PreparedSource, report, None)


async def quantize(job: QuantizationJob, source: PreparedSource, report: Report) -> list[QuantizedType]:
    """Quantize the source to all types that are possible. Returns their outcomes in the order of `source.types`.

    Raises UserError if the disk has too little room.
    """
    out = job.out or Path(source.home)
    targets = {each.type: out / f"{source.name}-{each.type}.gguf" for each in source.types}
    missing = [each for each in source.types if not each.reason and (job.force or not targets[each.type].exists())]
    check_room(out, sum(each.file_bytes for each in missing), ", ".join(targets[each.type].name for each in missing))
    outcomes = []
    for each in source.types:
        outcome = await _quantize_type(job, source, each, targets[each.type], report)
        outcomes.append(outcome)
        report(outcome)
    return outcomes


def weights_of(source: str) -> str:
    """The weights that a source names: an existing path, else for a catalog name its checkpoint on the hub, else a hub id."""
    if named_path.expanded(source).exists():
        return source
    entry = catalog.find(source)
    return entry.hf_repo if entry else source


async def _quantize_type(
    job: QuantizationJob, source: PreparedSource, forecast: TypeForecast, target: Path, report: Report
) -> QuantizedType:
    name = forecast.type
    if forecast.reason:
        return QuantizedType(name, reason=forecast.reason)
    try:
        if _keeps_existing(target, Path(source.path), force=job.force):
            return _check_existing(name, target, forecast)
        request = QuantizationRequest(source.path, str(target), name, source.imatrix, threads=job.threads)
        result = await _run_process(
            "qtui.engines.processes.quantization_type", request, QuantizationResult, report, name
        )
    except UserError as error:
        return QuantizedType(name, reason=str(error))
    finally:
        unfinished.remove_abandoned(target)
    return QuantizedType(name, target, result.file_bytes, result.bits, result.fallback, result.seconds)


def _keeps_existing(target: Path, source: Path, *, force: bool) -> bool:
    """Whether an existing target is kept: always if it is the source itself, else unless `force` replaces it."""
    return target.exists() and (not force or target.samefile(source))


def _check_existing(name: str, target: Path, forecast: TypeForecast) -> QuantizedType:
    """The outcome for an existing file. Raises UserError if the file is not a complete one of this type."""
    size = target.stat().st_size
    try:
        stored = gguf_file.read_header(target).values.get("general.file_type")
    except UserError as error:
        raise UserError(f"{error}; replace it with --force") from None
    if stored != forecast.number or size < forecast.file_bytes - SLACK_BYTES:
        raise UserError(f"{target}: already exists and is not a complete {name} file; replace it with --force")
    return QuantizedType(name, target, size, forecast.bits, existed=True)


async def _run_process(
    module: str, request: msgspec.Struct, kind: type[_Result], report: Report, name: str | None
) -> _Result:
    """Run a process and return its result. Raises UserError with the reason of its failure, or with how it died."""
    result: _Result | None = None
    log = paths.logs() / "quantize.log"
    async with WorkerProcess(log, module) as process:
        await process.send(request)
        async for line in process.lines():
            message = decode(line)
            if isinstance(message, Loading):
                process.heard(message.weights_bytes)
                process.activity = activity.loading(message, name or "")
                report(Step(name, message.phase, message.fraction))
            elif isinstance(message, Failed):
                raise UserError(message.reason)
            elif isinstance(message, kind):
                result = message
        if result is None:
            raise UserError(await process.describe_end())
    return result
