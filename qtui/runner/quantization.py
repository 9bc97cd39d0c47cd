"""GGUF files of several types from one source: checked whole first, then made one after the other, each in a process of its own.

One that fails does not stop the others. Ending this at any moment leaves no unfinished file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from qtui import catalog, paths
from qtui.engines.protocol.answering import Failed, Loading
from qtui.engines.protocol.quantization import SourceFound, SourceWanted, TypeForecast, TypeMade, TypeWanted, decode
from qtui.engines.weights import gguf_file, unfinished
from qtui.errors import UserError
from qtui.files.disk_room import check_room
from qtui.runner import activity
from qtui.runner.worker_process import WorkerProcess

SLACK_BYTES = 1 << 16
"""By how much a forecast may be off: it is given in hundredths of a MiB, and another version writes another header."""

_Result = TypeVar("_Result", SourceFound, TypeMade)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to make. `source` is anything that may be written as weights, or a name of the catalog."""

    source: str
    types: tuple[str, ...]
    out: Path | None = None
    imatrix: Path | None = None
    converter: Path | None = None
    trust_remote_code: bool = False
    force: bool = False
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One type's outcome. `reason` is empty where the file is there; `kept` says that it was before."""

    type: str
    path: Path | None = None
    file_bytes: int | None = None
    bits: float | None = None
    fallback: int = 0
    seconds: float | None = None
    kept: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is going on. `type` None is the source; `fraction` None where nobody knows."""

    type: str | None
    phase: str
    fraction: float | None = None


Tell = Callable[[Step | Made], None]


async def find_source(wish: Wish, tell: Tell) -> SourceFound:
    """The source, fetched and converted if need be, with what each type would take. Raises UserError where there is none."""
    wanted = SourceWanted(
        source=weights_of(wish.source),
        types=list(wish.types),
        imatrix=str(wish.imatrix) if wish.imatrix else None,
        converter=str(wish.converter) if wish.converter else None,
        trust_remote_code=wish.trust_remote_code,
    )
    return await _ask("qtui.engines.processes.quantization_source", wanted, SourceFound, tell, None)


async def make(wish: Wish, source: SourceFound, tell: Tell) -> list[Made]:
    """Every type that can be made; outcomes in the order of the wish. Raises UserError where the disk has too little room."""
    out = wish.out or Path(source.home)
    targets = {each.type: out / f"{source.name}-{each.type}.gguf" for each in source.types}
    missing = [each for each in source.types if not each.reason and (wish.force or not targets[each.type].exists())]
    check_room(out, sum(each.file_bytes for each in missing), ", ".join(targets[each.type].name for each in missing))
    outcomes = []
    for each in source.types:
        outcome = await _one(wish, source, each, targets[each.type], tell)
        outcomes.append(outcome)
        tell(outcome)
    return outcomes


def weights_of(source: str) -> str:
    """A name of the catalog is its checkpoint on the hub, unless something on this disk is called that."""
    if Path(source).expanduser().exists():
        return source
    entry = catalog.find(source)
    return entry.hf_repo if entry else source


async def _one(wish: Wish, source: SourceFound, forecast: TypeForecast, target: Path, tell: Tell) -> Made:
    name = forecast.type
    if forecast.reason:
        return Made(name, reason=forecast.reason)
    try:
        if _stays(target, Path(source.path), force=wish.force):
            return _kept(name, target, forecast)
        wanted = TypeWanted(
            source.path, str(target), name, str(wish.imatrix) if wish.imatrix else None, threads=wish.threads
        )
        made = await _ask("qtui.engines.processes.quantization_type", wanted, TypeMade, tell, name)
    except UserError as error:
        return Made(name, reason=str(error))
    finally:
        unfinished.clear(target)
    return Made(name, target, made.file_bytes, made.bits, made.fallback, made.seconds)


def _stays(target: Path, source: Path, *, force: bool) -> bool:
    """A target that is there is kept unless it is to be replaced, and the source itself in any case."""
    return target.exists() and (not force or target.samefile(source))


def _kept(name: str, target: Path, forecast: TypeForecast) -> Made:
    """What lies there is kept if it is what was asked for. Raises UserError where it is something else."""
    size = target.stat().st_size
    try:
        stored = gguf_file.read_header(target).values.get("general.file_type")
    except UserError as error:
        raise UserError(f"{error}; --force replaces it") from None
    if stored != forecast.number or size < forecast.file_bytes - SLACK_BYTES:
        raise UserError(f"{target}: is there already and is not a whole {name}; --force replaces it")
    return Made(name, target, size, forecast.bits, kept=True)


async def _ask(module: str, wanted: msgspec.Struct, kind: type[_Result], tell: Tell, name: str | None) -> _Result:
    """What the process answers. Raises UserError with its reason, or how it died."""
    found: _Result | None = None
    log = paths.logs() / "quantize.log"
    async with WorkerProcess(log, module) as process:
        await process.send(wanted)
        async for line in process.lines():
            message = decode(line)
            if isinstance(message, Loading):
                process.doing = activity.loading(message, name or "")
                tell(Step(name, message.phase, message.fraction))
            elif isinstance(message, Failed):
                raise UserError(message.reason)
            elif isinstance(message, kind):
                found = message
        if found is None:
            raise UserError(await process.how_it_ended())
    return found
