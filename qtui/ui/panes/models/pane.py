"""Models: the catalog, what of it ran here, and the files that were made for it."""

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
from qtui.ui.panes.models.known_models import KnownModel, known_models, made_files
from qtui.ui.panes.models.model_lines import model_lines
from qtui.ui.panes.pane import Pane
from qtui.ui.widgets.lines import Lines
from qtui.ui.widgets.table import Column, ListRows, Row, VirtualTable

if TYPE_CHECKING:
    from qtui.ui.dialogs.choose_types import Choice

ALIVE_SECONDS = 2.0
ORDERS = ("as they ran", "by name", "by size")


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
            yield Input(
                id="model-filter", placeholder="part of a name or family; Enter keeps it, Esc ends it", compact=True
            )
            yield VirtualTable(id="model-list")
        yield Lines(id="model-details")

    async def refresh_data(self) -> None:
        entries = await asyncio.to_thread(self._entries)
        files = await asyncio.to_thread(made_files)
        made = await self.reader.read(quantization_jobs.files)
        work = await self.reader.read(quantization_jobs.jobs)
        self._models = known_models(entries, self.runs, files, made, work)
        self._show()
        self._look_again(any(model.working for model in self._models))

    def _look_again(self, at_work: bool) -> None:
        """Work that was killed leaves no change of the store: while some goes on, it is looked at without one."""
        if at_work and self._watching is None:
            self._watching = self.set_interval(ALIVE_SECONDS, self.data_changed)
        elif not at_work and self._watching is not None:
            self._watching.stop()
            self._watching = None

    def _entries(self) -> tuple[Entry, ...]:
        try:
            return catalog.entries()
        except UserError as problem:
            self.app.call_from_thread(self.notify, str(problem), severity="error", markup=False)
            return ()

    def _show(self) -> None:
        wanted = self.filter.value.casefold()
        shown = [model for model in self._models if wanted in _searched(model)]
        if ORDERS[self._order] == "by name":
            shown.sort(key=lambda model: model.name.casefold())
        elif ORDERS[self._order] == "by size":
            shown.sort(key=lambda model: -(model.parameters or 0))
        self._shown = shown
        names = [model.name for model in shown]
        cursor = names.index(self._selected) if self._selected in names else 0
        self._selected = names[cursor] if names else None
        empty = "No model matches." if wanted else "The catalog is empty."
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
        """Keys that make no sense for the selected model are not offered."""
        return self._offered().get(action, True)

    def _offered(self) -> dict[str, bool]:
        model = self.selected
        return {
            "quantize": model is not None,
            "bench": model is not None,
            "stop": model is not None and model.working is not None,
        }

    def action_quantize(self) -> None:
        self._choose("quantize")

    def action_bench(self) -> None:
        self._choose("bench")

    def _choose(self, kind: Kind) -> None:
        from qtui.ui.dialogs.choose_types import MakeTypesScreen

        model = self.selected
        if model is None:
            return

        async def chosen(choice: "Choice | None") -> None:
            if choice is not None:
                await self._start(kind, model.name, choice)

        self.app.push_screen(MakeTypesScreen(kind, model.name, model.source), chosen)

    async def _start(self, kind: Kind, model: str, choice: "Choice") -> None:
        store = self.workbench.store_path
        if kind == "quantize":
            await launch.quantize(choice.source, list(choice.types), model, store, choice.imatrix)
        else:
            await launch.bench(choice.source, list(choice.types), model, store, choice.imatrix)
        doing = "Quantizing" if kind == "quantize" else "Measuring"
        self.notify(
            f"{doing} {safe(model)}: {', '.join(choice.types)}. It goes on if you leave.", timeout=4, markup=False
        )

    def action_stop(self) -> None:
        """As Ctrl+C would: it removes what is not whole."""
        working = self.selected.working if self.selected else None
        if working is None:
            return
        if working.host != socket.gethostname():
            self.notify(f"It goes on at {safe(working.host)}: stop it there.", severity="warning", markup=False)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(working.pid, signal.SIGINT)
        self.notify(f"Stopping {safe(working.model)} …", timeout=3, markup=False)

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
        Column("variants here", flex=2, least=13, snug=True, drop=1),
        Column("files", align="right", drop=2),
        Column("base model", flex=4, least=16, snug=True, drop=3),
        Column("context", align="right", drop=4),
        Column("license", flex=1, least=10, snug=True, drop=5),
        Column("trained by", flex=2, least=10, snug=True, drop=6),
    )


def _row(model: KnownModel) -> Row:
    entry = model.entry
    return (
        model.name,
        _count(model.parameters) or _known(entry.parameters if entry else UNKNOWN),
        safe(", ".join(variant.name for variant in model.variants)),
        size(model.bytes_on_disk, 0) if model.files else "",
        _known(entry.base_model if entry else UNKNOWN),
        f"{entry.context_length:,}" if entry and entry.context_length else "",
        _known(entry.license if entry else UNKNOWN),
        _known(entry.training_method if entry else UNKNOWN),
    )


def _known(value: str) -> str:
    return "" if value == UNKNOWN else value


def _count(parameters: int | None) -> str:
    if not parameters:
        return ""
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"
