"""Size, memory and speed of a model's types: files that are missing are made first, then each is measured in its own process.

What is measured goes to the store at once, so that the Models pane shows it and an interrupted bench keeps what it has.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from qtui import paths
from qtui.engines.protocol.answering import Failed, Loading
from qtui.engines.protocol.benchmark import BenchWanted, Measured, decode
from qtui.engines.quantizing.quantization_types import LADDER
from qtui.engines.weights import gguf_file
from qtui.runner import activity, quantization
from qtui.runner.quantization import Made, Step, Wish
from qtui.runner.worker_process import WorkerProcess

PROMPT_TOKENS, NEW_TOKENS, REPEATS = 512, 64, 5


@dataclass(frozen=True, slots=True)
class Amount:
    prompt_tokens: int = PROMPT_TOKENS
    new_tokens: int = NEW_TOKENS
    repeats: int = REPEATS
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One type's. Speeds in tokens per second, the median of the repeats with the slowest and fastest; sizes in bytes."""

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
Tell = Callable[[Step | Made | Outcome], None]


@dataclass(frozen=True, slots=True)
class Benched:
    """`name` is the model's by its files."""

    name: str
    outcomes: tuple[Outcome, ...]


async def bench(wish: Wish, amount: Amount, tell: Tell) -> Benched:
    """Measure the types of the wish; where it names none, the source itself and the ladder, of a quantized file that alone.

    Raises UserError where there is no source, or too little room for the files.
    """
    if not wish.types and _is_quantized(wish.source):
        only = await _told(await _measured(None, wish.source, amount, tell), tell)
        return Benched(Path(wish.source.rsplit(":", 1)[-1]).stem, (only,))
    source = await quantization.find_source(replace(wish, types=wish.types or LADDER), tell)
    types = [each.type for each in source.types]
    outcomes: list[Outcome] = []
    if not wish.types or source.precision in types:
        outcomes.append(await _told(await _measured(source.precision, source.path, amount, tell), tell))
        source = msgspec.structs.replace(source, types=[t for t in source.types if t.type != source.precision])
    for made in await quantization.make(wish, source, tell):
        if made.path is None:
            outcomes.append(await _told(NotMeasured(made.type, made.reason), tell))
        else:
            outcomes.append(await _told(await _measured(made.type, str(made.path), amount, tell), tell))
    return Benched(source.name, tuple(outcomes))


async def _told(outcome: Outcome, tell: Tell) -> Outcome:
    tell(outcome)
    return outcome


def _is_quantized(source: str) -> bool:
    """A GGUF file of the hub is taken for one: who has the whole model names its folder."""
    path = Path(source).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return gguf_file.read_header(path).values.get("general.file_type") not in (0, 1, 32)
    return source.endswith(".gguf") and ":" in source


async def _measured(type_: str | None, path: str, amount: Amount, tell: Tell) -> Outcome:
    """`type_` None: as the file says. Whatever happens to the process is that file's misfortune alone."""
    wanted = BenchWanted(path, amount.prompt_tokens, amount.new_tokens, amount.repeats, amount.threads, allows_cpu=True)
    found: Measured | None = None
    async with WorkerProcess(paths.logs() / "bench.log", "qtui.engines.processes.benchmark") as process:
        await process.send(wanted)
        async for line in process.lines():
            message = decode(line)
            if isinstance(message, Loading):
                process.doing = activity.loading(message, type_ or Path(path).name)
                tell(Step(type_ or "", message.phase, message.fraction))
            elif isinstance(message, Failed):
                return NotMeasured(type_ or path, message.reason)
            elif isinstance(message, Measured):
                found = message
        if found is None:
            return NotMeasured(type_ or path, await process.how_it_ended())
    return _figures(type_ or found.precision, found, amount)


def _figures(type_: str, found: Measured, amount: Amount) -> Figures:
    return Figures(
        type=type_,
        path=Path(found.path),
        file_bytes=found.file_bytes,
        parameters=found.parameters,
        bits=found.bits,
        memory_bytes=found.memory_bytes,
        gpu_bytes=found.gpu_bytes,
        load_seconds=found.load_seconds,
        prompt_speed=statistics.median(found.prompt_speeds),
        prompt_range=(min(found.prompt_speeds), max(found.prompt_speeds)),
        speed=statistics.median(found.speeds),
        speed_range=(min(found.speeds), max(found.speeds)),
        repeats=len(found.speeds),
        prompt_tokens=amount.prompt_tokens,
        new_tokens=amount.new_tokens,
        threads=found.threads,
        device=found.device,
        engine_version=found.engine_version,
    )
