"""What `qtui quantize` and `qtui bench` share: options, progress on stderr, and the word in the store on what is going on."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from qtui import catalog
from qtui.errors import UserError
from qtui.runner.quantization import QuantizedType, Step
from qtui.store import open_store, quantization_jobs
from qtui.store.connection import Store
from qtui.store.errors import StoreError
from qtui.store.quantization_jobs import Kind
from qtui.text import safe

SECONDS_BETWEEN_REPORTS = 0.5
SOURCE = "source"
LABEL = 10
"""Cells of a type's name beside its bar."""

Command = TypeVar("Command", bound=Callable[..., Any])
Talk = Callable[[Any], None]


def conversion_options(command: Command) -> Command:
    """How a folder that qtui does not convert itself is converted, and for which model of the workbench."""
    options = (
        click.option("--imatrix", metavar="FILE", type=click.Path(path_type=Path), help="An importance matrix."),
        click.option("--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
                     help="Where the files go (default: beside a GGUF file; of a folder or a hub model in qtui's cache)."),
        click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Threads (default: all cores)."),
        click.option("--converter", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False),
                     help="llama.cpp's sources, for folders that qtui does not convert itself (default: $QTUI_LLAMA_CPP, "
                          "else converter in config.toml, else fetched once through pip)."),
        click.option("--trust-remote-code", is_flag=True, help="Allow code that comes with a model's folder."),
        click.option("--model", metavar="NAME", help="The model of the workbench that the files are shown under."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _findable(source: str) -> str:
    """So that it can be found from another folder as well."""
    path = Path(source).expanduser()
    return str(path.absolute()) if path.exists() else source


def _shown_as(name: str | None, source: str) -> str:
    """As named, else the catalog's, else what the source is called."""
    if name:
        return name
    entry = catalog.find(source)
    return entry.name if entry else Path(source.rsplit(":", 1)[-1]).name.removesuffix(".gguf")


@contextmanager
def recorded(store_path: Path, kind: Kind, source: str, name: str | None, types: Sequence[str]) -> Iterator["Record"]:
    """What is going on is in the store from the first moment to the last, however this ends.

    `name` is the model of the workbench that it is shown under, None where nobody named one.
    """
    model = _shown_as(name, source)
    with contextlib.closing(open_store(store_path)) as store:
        record = Record(store, quantization_jobs.begin(store, kind, model, types), model, _findable(source))
        try:
            yield record
        except UserError as error:
            record.end("failed", str(error))
            raise
        except BaseException:
            record.end("cancelled")
            raise
        record.end("failed" if record.reasons else "done", "; ".join(record.reasons))


class Record:
    """Writes what a piece of work says of itself, at most twice a second. A store that cannot be written does not stop the work."""

    def __init__(self, store: Store, job_id: int, model: str, source: str) -> None:
        self.store, self.id, self.model, self.source = store, job_id, model, source
        self.reasons: list[str] = []
        self._told = 0.0

    def step(self, step: Step) -> None:
        if time.monotonic() - self._told >= SECONDS_BETWEEN_REPORTS:
            self._told = time.monotonic()
            phase = f"{step.type}: {step.phase}" if step.type and step.type not in step.phase else step.phase
            self._write(lambda: quantization_jobs.report(self.store, self.id, phase, step.fraction))

    def made(self, made: QuantizedType) -> None:
        if made.path is None:
            self.reasons.append(f"{made.type}: {made.reason}")
            return
        facts: dict[str, Any] = {"file_bytes": made.file_bytes, "bits": made.bits, "fallback": made.fallback}
        if not made.kept:
            facts["quantize_seconds"] = made.seconds
        self.file(made.type, made.path, facts)

    def file(self, type_: str, path: Path, facts: dict[str, Any]) -> None:
        facts = {"source": self.source, **facts}
        self._write(lambda: quantization_jobs.put(self.store, self.model, type_, path.absolute(), facts))

    def end(self, state: quantization_jobs.State, reason: str = "") -> None:
        self._write(lambda: quantization_jobs.end(self.store, self.id, state, reason))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreError as error:
            Console(stderr=True).print(safe(f"the store cannot be written ({error}); the work goes on"), markup=False)


@contextmanager
def shown_progress(unit: Callable[[Any], str | None]) -> Iterator[Talk]:
    """A function that is told steps and outcomes: a bar per type on a terminal, else a line for what begins and what ends.

    `unit` says an outcome in words, or None for what is no outcome worth a line.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, unit)
        return
    columns = (
        TextColumn("{task.fields[label]}", markup=False, table_column=Column(no_wrap=True, min_width=LABEL)),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn(
            "{task.fields[state]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        ),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield _Bars(progress, unit)


class _Lines:
    def __init__(self, console: Console, unit: Callable[[Any], str | None]) -> None:
        self._console, self._unit = console, unit
        self._said: tuple[str | None, str] | None = None

    def __call__(self, news: Any) -> None:
        if isinstance(news, Step):
            if self._said != (news.type, news.phase):
                self._said = (news.type, news.phase)
                self._say(_phase(news))
        elif said := self._unit(news):
            self._say(said)

    def _say(self, text: str) -> None:
        self._console.print(safe(text), markup=False, highlight=False, soft_wrap=True)


class _Bars:
    def __init__(self, progress: Progress, unit: Callable[[Any], str | None]) -> None:
        self._progress, self._unit = progress, unit
        self._bars: dict[str, TaskID] = {}

    def __call__(self, news: Any) -> None:
        label = safe(getattr(news, "type", None) or SOURCE)
        if label != SOURCE and SOURCE in self._bars:
            source = self._bars.pop(SOURCE)  # what comes of a type comes after it
            self._progress.update(source, completed=1.0, state="")
            self._progress.stop_task(source)
        if label not in self._bars:
            self._bars[label] = self._progress.add_task("", total=1.0, label=label, state="")
        bar = self._bars[label]
        if isinstance(news, Step):
            self._progress.update(bar, completed=news.fraction or 0.0, state=safe(news.phase))
        elif said := self._unit(news):
            reason = getattr(news, "reason", "")
            if reason:
                # In full, above the bars: a reason that is cut helps nobody.
                self._progress.console.print(safe(said), markup=False, highlight=False, soft_wrap=True)
            state = "failed" if reason else said.removeprefix(f"{news.type}: ")
            self._progress.update(bar, completed=0.0 if reason else 1.0, state=safe(state))
            self._progress.stop_task(bar)


def _phase(step: Step) -> str:
    return f"{step.type}: {step.phase}" if step.type and step.type not in step.phase else step.phase
