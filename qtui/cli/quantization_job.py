"""What `qtui quantize` and `qtui bench` share: options, progress on stderr, and progress reported through the store."""

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
from qtui.files import named_path
from qtui.runner.quantization import QuantizedType, Step
from qtui.store import open_store, quantization_jobs
from qtui.store.connection import Store
from qtui.store.errors import StoreError
from qtui.store.quantization_jobs import Kind
from qtui.text import safe

SECONDS_BETWEEN_REPORTS = 0.5
SOURCE = "source"
LABEL = 10
"""Width of a type's name beside its bar, in terminal cells."""

Command = TypeVar("Command", bound=Callable[..., Any])
Show = Callable[[Any], None]


def conversion_options(command: Command) -> Command:
    """Options of conversion and quantization, and `--model`: the model of the workbench that the files belong to."""
    options = (
        click.option("--imatrix", metavar="FILE", type=click.Path(path_type=Path),
                     help="Importance matrix to quantize with, or a text of which qtui makes one."),
        click.option("--out", metavar="DIR", type=click.Path(path_type=Path, file_okay=False),
                     help="Folder for the files (default: that of a GGUF file; for a folder or a hub model, qtui's cache)."),
        click.option("--threads", metavar="N", type=click.IntRange(min=1), help="CPU threads (default: all cores)."),
        click.option("--converter", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False),
                     help="llama.cpp's sources, for folders that qtui does not convert itself (default: $QTUI_LLAMA_CPP, "
                          "else `converter` in config.toml, else downloaded once with pip)."),
        click.option("--trust-remote-code", is_flag=True, help="Run code that comes with a model's folder."),
        click.option("--pickled-weights", is_flag=True, help="Read weights in Python's pickles (.bin), which can hold programs."),
        click.option("--model", metavar="NAME", help="The model of the workbench that the files belong to."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _absolute(source: str) -> str:
    """A path made absolute, so that it is valid from every folder; any other source unchanged."""
    path = named_path.expanded(source)
    return str(path.absolute()) if path.exists() else source


def _model_name(name: str | None, source: str) -> str:
    """`name`, else the catalog's name of the source, else the last part of the source."""
    if name:
        return name
    entry = catalog.find(source)
    return entry.name if entry else Path(source.rsplit(":", 1)[-1]).name.removesuffix(".gguf")


@contextmanager
def recorded(store_path: Path, kind: Kind, source: str, name: str | None, types: Sequence[str]) -> Iterator["Record"]:
    """Store a job of this kind for as long as the body runs, with its final state, whether it ends, fails or is interrupted.

    `name` is the model of the workbench that it belongs to, None to take it from the source.
    """
    model = _model_name(name, source)
    with contextlib.closing(open_store(store_path)) as store:
        record = Record(store, quantization_jobs.begin(store, kind, model, types), model, _absolute(source))
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
    """Writes the progress of a job to the store, at most twice a second. A store that cannot be written does not stop the job.

    `reasons` are the failures of single types.
    """

    def __init__(self, store: Store, job_id: int, model: str, source: str) -> None:
        self.store, self.id, self.model, self.source = store, job_id, model, source
        self.reasons: list[str] = []
        self._last_report = 0.0

    def step(self, step: Step) -> None:
        if time.monotonic() - self._last_report >= SECONDS_BETWEEN_REPORTS:
            self._last_report = time.monotonic()
            self._write(lambda: quantization_jobs.report(self.store, self.id, _phase(step), step.fraction))

    def add_quantized(self, outcome: QuantizedType) -> None:
        """Store the file of a type with its facts, or note why there is none."""
        if outcome.path is None:
            self.reasons.append(f"{outcome.type}: {outcome.reason}")
            return
        facts: dict[str, Any] = {"file_bytes": outcome.file_bytes, "bits": outcome.bits, "fallback": outcome.fallback}
        if not outcome.existed:
            facts["quantize_seconds"] = outcome.seconds
        self.file(outcome.type, outcome.path, facts)

    def file(self, type_: str, path: Path, facts: dict[str, Any]) -> None:
        facts = {"source": self.source, **facts}
        self._write(lambda: quantization_jobs.put(self.store, self.model, type_, path.absolute(), facts))

    def end(self, state: quantization_jobs.State, reason: str = "") -> None:
        self._write(lambda: quantization_jobs.end(self.store, self.id, state, reason))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreError as error:
            message = f"the store cannot be written ({error}); the job continues without it"
            Console(stderr=True).print(safe(message), markup=False)


@contextmanager
def shown_progress(in_words: Callable[[Any], str | None]) -> Iterator[Show]:
    """Yields a function that shows steps and outcomes: a bar per type on a terminal, else a line for every phase and outcome.

    `in_words` returns the line for an outcome, None for no line.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console, in_words)
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
        yield _Bars(progress, in_words)


class _Lines:
    def __init__(self, console: Console, in_words: Callable[[Any], str | None]) -> None:
        self._console, self._in_words = console, in_words
        self._last_step: tuple[str | None, str] | None = None

    def __call__(self, event: Any) -> None:
        if isinstance(event, Step):
            if self._last_step != (event.type, event.phase):
                self._last_step = (event.type, event.phase)
                self._print(_phase(event))
        elif words := self._in_words(event):
            self._print(words)

    def _print(self, text: str) -> None:
        self._console.print(safe(text), markup=False, highlight=False, soft_wrap=True)


class _Bars:
    def __init__(self, progress: Progress, in_words: Callable[[Any], str | None]) -> None:
        self._progress, self._in_words = progress, in_words
        self._bars: dict[str, TaskID] = {}

    def __call__(self, event: Any) -> None:
        label = safe(getattr(event, "type", None) or SOURCE)
        if label != SOURCE and SOURCE in self._bars:
            source = self._bars.pop(SOURCE)  # types come after the source is ready
            self._progress.update(source, completed=1.0, state="")
            self._progress.stop_task(source)
        if label not in self._bars:
            self._bars[label] = self._progress.add_task("", total=1.0, label=label, state="")
        bar = self._bars[label]
        if isinstance(event, Step):
            self._progress.update(bar, completed=event.fraction or 0.0, state=safe(event.phase))
        elif words := self._in_words(event):
            reason = getattr(event, "reason", "")
            if reason:
                # Above the bars there is room for the whole reason.
                self._progress.console.print(safe(words), markup=False, highlight=False, soft_wrap=True)
            state = "failed" if reason else words.removeprefix(f"{event.type}: ")
            self._progress.update(bar, completed=0.0 if reason else 1.0, state=safe(state))
            self._progress.stop_task(bar)


def _phase(step: Step) -> str:
    """The phase, preceded by the type where the phase does not name it."""
    return f"{step.type}: {step.phase}" if step.type and step.type not in step.phase else step.phase
