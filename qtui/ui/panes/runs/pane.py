"""The pane Runs: the list of all runs in the store, and the selected run in detail.

A run is a separate process. The pane pauses and cancels it by a request in the store, starts one as a new process, and shows what
the store contains; therefore the workbench can be closed and opened again at any time.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType

from qtui.charts import cost_words
from qtui.errors import UserError
from qtui.format import day
from qtui.results.spent_costs import spent
from qtui.run_progress import RunSummary
from qtui.store import runs as store_runs
from qtui.text import safe
from qtui.ui import keys, launch, stylesheet
from qtui.ui.panes.pane import Pane
from qtui.ui.panes.runs.run_lines import run_lines, state_text
from qtui.ui.widgets.lines import Lines
from qtui.ui.widgets.table import Column, ListRows, Row, VirtualTable

COLUMNS = (
    Column("experiment", flex=3, least=12, snug=True, apart=True),
    Column("state", width=13),
    Column("answers", width=11, align="right"),
    Column("started", width=10, drop=1),
    Column("models", flex=4, least=10, drop=2),
)
EMPTY = (
    "No runs yet. Press n for a new run, try `qtui demo`, or import an earlier study: `qtui import gpt4-autoeval PATH`."
)


class RunsPane(Pane):
    TITLE = "Runs"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("runs"))

    table = getters.query_one("#run-list", VirtualTable)
    details = getters.query_one("#run-details", Lines)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._selected: int | None = None
        self._last_offered: dict[str, bool] = {}
        self._costs: tuple[int | None, tuple[str, ...]] = (None, ())
        """What the requests of a run used, a sentence each, and which run that is."""

    def compose(self) -> ComposeResult:
        yield VirtualTable(id="run-list")
        yield Lines(id="run-details")

    @property
    def selected(self) -> RunSummary | None:
        return next((run for run in self.runs if run.id == self._selected), None)

    async def refresh_data(self) -> None:
        ids = [run.id for run in self.runs]
        if self._selected not in ids:
            self._selected = ids[0] if ids else None
        cursor = ids.index(self._selected) if self._selected is not None else 0
        in_view = self.scope.run_ids if self.scope.narrowed else ()
        rows = [_row(run, only=run.id in in_view) for run in self.runs]
        self.table.show(COLUMNS, ListRows(rows), cursor=cursor, empty=EMPTY)
        # No taller than its rows, so that the details get the rest.
        self.table.styles.height = len(rows) + 1 if rows else 3
        self._show_selected()
        await self._read_costs()

    @on(VirtualTable.RowHighlighted)
    def _highlight(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()
        if message.index < len(self.runs):
            self._selected = self.runs[message.index].id
            self._show_selected(from_top=True)
            self.run_worker(self._read_costs(), group="costs", exclusive=True)

    @on(VirtualTable.RowSelected)
    def _select(self, message: VirtualTable.RowSelected) -> None:
        message.stop()
        self.action_open()

    def _show_selected(self, *, from_top: bool = False) -> None:
        run = self.selected
        only = run is not None and self.scope.narrowed and run.id in self.scope.run_ids
        note = "◉ only this run is shown (a: all)" if only else ""
        of_run, costs = self._costs
        lines = partial(_lines, run, note, costs if of_run == self._selected else ()) if run else _no_lines
        self.details.show(lines, from_top=from_top)
        offered = self._offered()
        if offered != self._last_offered:
            # Rebuilding the footer costs more than everything else here: only when it changes.
            self._last_offered = offered
            self.refresh_bindings()

    async def _read_costs(self) -> None:
        """Read what the selected run cost, and show it if that is news."""
        run_id, prices = self._selected, self.workbench.config.prices
        if run_id is None:
            return
        try:
            costs = await self.reader.read(lambda store: spent(store, run_id, prices))
        except UserError:
            return  # the list of runs says what is wrong with the store
        found = (run_id, (*map(cost_words.spent_line, costs), *cost_words.spent_total(costs)))
        if found != self._costs and run_id == self._selected:
            self._costs = found
            self._show_selected()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Hide the keys that do nothing for the selected run."""
        return self._offered().get(action, True)

    def _offered(self) -> dict[str, bool]:
        run = self.selected
        active = run is not None and run.active
        return {
            "open": run is not None,
            "pause": active,
            "cancel": active,
            "resume": run is not None and run.source == "run" and not active,
            "delete": run is not None and not active,
            "all": self.scope.narrowed,
        }

    def action_open(self) -> None:
        if run := self.selected:
            model = run.models[0] if run.models else None
            self.select(run_ids=(run.id,), run_id=run.id, model=model, pane="scores")

    def action_all(self) -> None:
        self.select(run_ids=())
        self.notify("The latest run of every experiment is shown.", timeout=3)

    def action_new(self) -> None:
        from qtui.ui.dialogs.new_run import NewRunScreen

        self.app.push_screen(NewRunScreen(self.workbench.store_path), self._started)

    async def action_pause(self) -> None:
        if run := self.selected:
            paused = run.state == "paused"
            await self._request(run, "" if paused else "pause")
            change = "resumes" if paused else "pauses after the answers in progress"
            self.notify(f"{safe(run.experiment)} {change}.", timeout=3, markup=False)

    def action_resume(self) -> None:
        if run := self.selected:
            self.notify(f"Resuming {safe(run.experiment)} …", timeout=2, markup=False)
            self.run_worker(self._resume(run.id), group="start")

    def action_cancel(self) -> None:
        run = self.selected
        if run is None:
            return
        question = f"Cancel {safe(run.experiment)}? Its answers and grades are kept; press r to resume it later."
        self._ask(question, "Cancel the run", "Keep running", lambda: self._request(run, "cancel"))

    def action_delete(self) -> None:
        run = self.selected
        if run is None:
            return
        question = (
            f"Delete run {run.id} of {safe(run.experiment)} from the store? Its stars and comments are deleted too. "
            "A new run of the same experiment reuses its answers and grades."
        )
        self._ask(question, "Delete", "Keep", lambda: self._delete(run.id))

    def _ask(self, question: str, yes: str, no: str, then: Callable[[], Awaitable[None]]) -> None:
        from qtui.ui.dialogs.confirm import ConfirmScreen

        async def answered(is_yes: bool | None) -> None:
            if is_yes:
                await then()

        self.app.push_screen(ConfirmScreen(question, yes=yes, no=no), answered)

    async def _request(self, run: RunSummary, request: str) -> None:
        try:
            await self.reader.write(lambda store: store_runs.request(store, run.id, request))
        except UserError as problem:
            self.notify(str(problem), severity="error", markup=False)

    async def _delete(self, run_id: int) -> None:
        # It may have been resumed from another terminal while the question was open.
        if any(run.active for run in self.runs if run.id == run_id):
            self.notify("The run is in progress: cancel it first (x).", severity="warning")
            return
        try:
            await self.reader.write(lambda store: store_runs.delete(store, run_id))
        except UserError as problem:
            self.notify(str(problem), severity="error", markup=False)

    async def _resume(self, run_id: int, *, allows_cpu: bool = False) -> None:
        def answered(is_allowed: bool | None) -> None:
            if is_allowed:
                self.run_worker(self._resume(run_id, allows_cpu=True), group="resume")

        try:
            launched = await launch.resume(run_id, self.workbench.store_path, allows_cpu=allows_cpu)
        except launch.CpuNotAllowedError as reasons:
            from qtui.ui.dialogs.confirm import ConfirmScreen
            from qtui.ui.dialogs.new_run import cpu_question

            self.app.push_screen(ConfirmScreen(cpu_question(str(reasons)), yes="Run on the CPU"), answered)
        except UserError as problem:
            self.notify(str(problem), severity="error", timeout=12, markup=False)
        else:
            if launched.notice:
                self.notify(f"{launched.notice}.", timeout=5, markup=False)

    def _started(self, run_id: int | None) -> None:
        if run_id is not None:
            self._selected = run_id
            self.data_changed(at_once=True)


def _row(run: RunSummary, *, only: bool) -> Row:
    name = f"◉ {run.experiment}" if only else run.experiment
    started = day(run.started or run.created)
    return (name, state_text(run.state), f"{run.answered}/{run.expected}", started, ", ".join(run.models))


def _lines(run: RunSummary, note: str, costs: Sequence[str], cells: int, styles: Mapping[str, Style]) -> list[Text]:
    return run_lines(run, cells, styles, note=note, costs=costs)


def _no_lines(_cells: int, _styles: Mapping[str, Style]) -> list[Text]:
    return []
