"""The pane Models: the catalog, the variants that ran here, quantized files, and jobs that quantize or measure."""

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input

from qtui import catalog
from qtui.catalog import Entry
from qtui.errors import UserError
from qtui.format import size
from qtui.records import UNKNOWN
from qtui.store import quantization_jobs
from qtui.store.quantization_jobs import Kind
from qtui.text import safe
from qtui.ui import keys, launch, stylesheet
from qtui.ui.panes.models.known_models import KnownModel, gguf_files, known_models
from qtui.ui.panes.models.model_lines import model_lines
from qtui.ui.panes.pane import Pane
from qtui.ui.widgets.lines import Lines
from qtui.ui.widgets.table import Column, ListRows, Row, VirtualTable
from qtui.ui.widgets.text_input import TextInput

if TYPE_CHECKING:
    from qtui.ui.dialogs.choose_types import Choice

ALIVE_SECONDS = 2.0
ORDERS = ("newest run first", "by name", "by size")


class ModelsPane(Pane):
    TITLE = "Models"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("models"))

    table = getters.query_one("#model-list", VirtualTable)
    details = getters.query_one("#model-details", Lines)
    filter = getters.query_one("#model-filter", Input)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._models: list[KnownModel] = []
        self._shown: list[KnownModel] = []
        self._selected: str | None = None
        self._order = 0
        self._watching: Timer | None = None
        self._last_offered: dict[str, bool] = {}

    def compose(self) -> ComposeResult:
        with Vertical(id="model-left"):
            yield TextInput(
                id="model-filter", placeholder="part of a name or family; Enter applies it, Esc clears it", compact=True
            )
            yield VirtualTable(id="model-list")
        yield Lines(id="model-details")

    async def refresh_data(self) -> None:
        entries = await asyncio.to_thread(self._entries)
        files = await asyncio.to_thread(gguf_files)
        type_files = await self.reader.read(quantization_jobs.files)
        jobs = await self.reader.read(quantization_jobs.jobs)
        self._models = known_models(entries, self.runs, files, type_files, jobs)
        self._show()
        self._poll_jobs(any(model.running_job for model in self._models))

    def _poll_jobs(self, has_running_jobs: bool) -> None:
        """Read again every ALIVE_SECONDS while a job is in progress: a killed one leaves no change in the store."""
        if has_running_jobs and self._watching is None:
            self._watching = self.set_interval(ALIVE_SECONDS, self.data_changed)
        elif not has_running_jobs and self._watching is not None:
            self._watching.stop()
            self._watching = None

    def _entries(self) -> tuple[Entry, ...]:
        try:
            return catalog.entries()
        except UserError as problem:
            self.app.call_from_thread(self.notify, str(problem), severity="error", markup=False)
            return ()

    def _show(self) -> None:
        filter_text = self.filter.value.casefold()
        shown = [model for model in self._models if filter_text in _searched(model)]
        if ORDERS[self._order] == "by name":
            shown.sort(key=lambda model: model.name.casefold())
        elif ORDERS[self._order] == "by size":
            shown.sort(key=lambda model: -(model.parameters or 0))
        self._shown = shown
        names = [model.name for model in shown]
        cursor = names.index(self._selected) if self._selected in names else 0
        self._selected = names[cursor] if names else None
        empty = "No model matches." if filter_text else "The catalog is empty."
        self.table.show(
            _columns(ORDERS[self._order]), ListRows([_row(model) for model in shown]), cursor=cursor, empty=empty
        )
        self._show_selected()

    @on(VirtualTable.RowHighlighted)
    def _highlight(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()
        if message.index < len(self._shown):
            self._selected = self._shown[message.index].name
            self._show_selected(from_top=True)

    @property
    def selected(self) -> KnownModel | None:
        return next((model for model in self._shown if model.name == self._selected), None)

    def _show_selected(self, *, from_top: bool = False) -> None:
        model = self.selected
        lines = (lambda cells, styles: model_lines(model, cells, styles)) if model else (lambda _cells, _styles: [])
        self.details.show(lines, from_top=from_top)
        offered = self._offered()
        if offered != self._last_offered:
            self._last_offered = offered
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Hide the keys that do nothing for the selected model."""
        return self._offered().get(action, True)

    def _offered(self) -> dict[str, bool]:
        model = self.selected
        return {
            "quantize": model is not None,
            "bench": model is not None,
            "stop": model is not None and model.running_job is not None,
        }

    def action_quantize(self) -> None:
        self._choose("quantize")

    def action_bench(self) -> None:
        self._choose("bench")

    def _choose(self, kind: Kind) -> None:
        from qtui.ui.dialogs.choose_types import ChooseTypesScreen

        model = self.selected
        if model is None:
            return

        async def chosen(choice: "Choice | None") -> None:
            if choice is not None:
                await self._start(kind, model.name, choice)

        self.app.push_screen(ChooseTypesScreen(kind, model.name, model.source), chosen)

    async def _start(self, kind: Kind, model: str, choice: "Choice") -> None:
        store = self.workbench.store_path
        if kind == "quantize":
            await launch.quantize(choice.source, list(choice.types), model, store, choice.imatrix)
        else:
            await launch.bench(choice.source, list(choice.types), model, store, choice.imatrix)
        verb = "Quantizing" if kind == "quantize" else "Measuring"
        self.notify(
            f"{verb} {safe(model)}: {', '.join(choice.types)}. It continues in the background.", timeout=4, markup=False
        )

    def action_stop(self) -> None:
        """Interrupt the job as Ctrl+C would: it removes incomplete files."""
        job = self.selected.running_job if self.selected else None
        if job is None:
            return
        if job.host != socket.gethostname():
            self.notify(f"The job runs on {safe(job.host)}: cancel it there.", severity="warning", markup=False)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(job.pid, signal.SIGINT)
        self.notify(f"Cancelling {safe(job.model)} …", timeout=3, markup=False)

    def action_order(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)
        self._show()

    def action_filter(self) -> None:
        self.filter.add_class("-open")
        self.filter.focus()

    def action_back(self) -> None:
        self.filter.value = ""
        self.filter.remove_class("-open")
        self.table.focus()

    @on(Input.Changed, "#model-filter")
    def _filtered(self, changed: Input.Changed) -> None:
        changed.stop()
        self._show()

    @on(Input.Submitted, "#model-filter")
    def _filter_kept(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        self.filter.set_class(bool(submitted.value), "-open")
        self.table.focus()


def _searched(model: KnownModel) -> str:
    entry = model.entry
    return f"{model.name} {entry.family} {entry.base_model}".casefold() if entry else model.name.casefold()


def _columns(order: str) -> tuple[Column, ...]:
    return (
        Column(f"model ({order})", flex=4, least=24, snug=True, apart=True),
        Column("params", align="right"),
        Column("variants", flex=2, least=13, snug=True, drop=1),
        Column("files", align="right", drop=2),
        Column("base model", flex=4, least=16, snug=True, drop=3),
        Column("context", align="right", drop=4),
        Column("license", flex=1, least=10, snug=True, drop=5),
        Column("training", flex=2, least=10, snug=True, drop=6),
    )


def _row(model: KnownModel) -> Row:
    entry = model.entry
    return (
        model.name,
        _count(model.parameters) or _text_or_empty(entry.parameters if entry else UNKNOWN),
        safe(", ".join(variant.name for variant in model.variants)),
        size(model.bytes_on_disk, 0) if model.files else "",
        _text_or_empty(entry.base_model if entry else UNKNOWN),
        f"{entry.context_length:,}" if entry and entry.context_length else "",
        _text_or_empty(entry.license if entry else UNKNOWN),
        _text_or_empty(entry.training_method if entry else UNKNOWN),
    )


def _text_or_empty(value: str) -> str:
    return "" if value == UNKNOWN else value


def _count(parameters: int | None) -> str:
    if not parameters:
        return ""
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"
