"""The main screen: header, tabs, the current pane, footer. It holds the scope and watches the store.

It polls the store: the runner is another process that does not know of this one, and a poll costs microseconds.
"""

import asyncio
import importlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static

from qtui import session_end
from qtui.errors import UserError
from qtui.run_progress import RunSummary
from qtui.session_end import Commands
from qtui.store import Store
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.data.most_changed import MostChanged
from qtui.ui.data.reader import StoreGoneError
from qtui.ui.data.run_watch import WHOLE_SECONDS, RunWatch
from qtui.ui.data.scope import Scope, judges, models, resolve
from qtui.ui.data.workbench import Workbench
from qtui.ui.panes.pane import Pane
from qtui.ui.widgets.header import HeaderLine, TabLine

PANES = {
    "runs": "qtui.ui.panes.runs.pane:RunsPane",
    "tasks": "qtui.ui.panes.tasks.pane:TasksPane",
    "compare": "qtui.ui.panes.compare.pane:ComparePane",
    "scores": "qtui.ui.panes.scores.pane:ScoresPane",
    "lengths": "qtui.ui.panes.lengths.pane:LengthsPane",
    "models": "qtui.ui.panes.models.pane:ModelsPane",
}
POLL_SECONDS = 0.5
FIRST_READ_SECONDS = 0.3
SETTLE_SECONDS = WHOLE_SECONDS + 0.5
ALIVE_SECONDS = 3.0
"""How often an active run is read without a change of the store: a killed runner leaves none."""


class MainScreen(Screen[None]):
    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("global"))
    AUTO_FOCUS = ""

    scope: reactive[Scope] = reactive(Scope, init=False)
    runs: reactive[tuple[RunSummary, ...]] = reactive(tuple, init=False)

    header = getters.query_one(HeaderLine)
    tabs = getters.query_one(TabLine)
    trouble = getters.query_one("#trouble", Static)
    switcher = getters.query_one(ContentSwitcher)

    def __init__(self) -> None:
        super().__init__()
        self._store_version: tuple[int, ...] | None = None
        self._read_at = 0.0
        self._settled = True
        self._watch = RunWatch()
        self._most_changed = MostChanged()
        self._polling = False
        self._last_problem = ""

    def compose(self) -> ComposeResult:
        yield HeaderLine(self.workbench.store_path)
        yield TabLine(keys.PANES)
        yield Static(id="trouble", markup=False)
        yield ContentSwitcher()
        yield Footer(show_command_palette=False, compact=True)

    @property
    def workbench(self) -> Workbench:
        return cast(Workbench, self.app)

    @property
    def current(self) -> Pane | None:
        """The pane in view."""
        return cast("Pane | None", self.switcher.visible_content)

    async def on_mount(self) -> None:
        # The first frame shows the runs, unless the store is slow.
        first = asyncio.create_task(self.poll())
        await asyncio.wait([first], timeout=FIRST_READ_SECONDS)
        await self.show("runs")
        self.set_interval(POLL_SECONDS, self.poll)

    async def show(self, pane_id: str) -> None:
        """Show a pane; import and create it the first time."""
        before = self.current
        if before is not None:
            if before.id == pane_id:
                return
            before.hide_pane()
        if not self.switcher.query_children(f"#{pane_id}"):
            pane = _create_pane(pane_id)
            await self.switcher.add_content(pane, set_current=True)
        else:
            self.switcher.current = pane_id
        self.tabs.current = pane_id
        pane = cast(Pane, self.switcher.visible_content)
        pane.show_pane()
        self.refresh_bindings()

    async def poll(self) -> None:
        """Read all runs if the store has changed."""
        if self._polling:
            return
        self._polling = True
        try:
            await self._poll()
            self._last_problem = ""
            self._hide_trouble()
        except StoreGoneError as problem:
            self.trouble.update(safe(str(problem)))
            self.trouble.display = True
        except UserError as problem:
            if str(problem) != self._last_problem:
                self.notify(str(problem), severity="error", markup=False)
            self._last_problem = str(problem)
        finally:
            self._polling = False

    def _hide_trouble(self) -> None:
        if self.trouble.display:
            self.trouble.display = False
            # Reads failed while the store was gone.
            for pane in self.switcher.query_children(Pane):
                pane.data_changed(at_once=True)

    async def _poll(self) -> None:
        reader = self.workbench.reader
        version = (*await reader.read(Store.changes_seen), reader.opened)
        if self._store_version is not None and self._store_version[-1] != version[-1]:
            self._watch = RunWatch()
        active = any(run.active for run in self.runs)
        changed = version != self._store_version
        # Once more after a change, when all runs are due: the change may concern a finished run.
        due = time.monotonic() - self._read_at > (ALIVE_SECONDS if active else SETTLE_SECONDS)
        if changed or (due and (active or not self._settled)):
            self._settled = not changed
            self._store_version, self._read_at = version, time.monotonic()
            runs = await reader.read(self._watch.read)
            await self._most_changed.learn(reader, self.scope, runs, settled=self._compares)
            self.runs = runs
        if changed:
            self.workbench.store_changed(version)
            for pane in self.switcher.query_children(Pane):
                pane.data_changed()

    def watch_runs(self, runs: tuple[RunSummary, ...]) -> None:
        self.header.runs = self.tabs.runs = runs
        self.scope = resolve(self.scope, runs, self._most_changed.names)
        if self.current is not None:
            self.current.data_changed()

    def watch_scope(self, scope: Scope) -> None:
        self.header.scope = scope
        for pane in self.switcher.query_children(Pane):
            pane.data_changed(at_once=True)

    @on(Pane.ScopeRequested)
    async def _change_scope(self, request: Pane.ScopeRequested) -> None:
        request.stop()
        changes = request.changes
        scope_fields = {field.name for field in fields(Scope)}
        assert changes.keys() <= scope_fields, f"no such field of Scope: {changes.keys() - scope_fields}"
        if "run_ids" in changes:
            changes = {"narrowed": bool(changes["run_ids"])} | changes
        if changes.get("candidate", self.scope.candidate) != self.scope.candidate:
            changes = {"candidate_chosen": True} | changes
        await self._look_at(changes)
        if request.pane is not None:
            await self.show(request.pane)

    async def action_pane(self, pane_id: str) -> None:
        await self.show(pane_id)

    @on(TabLine.Chosen)
    async def _tab_chosen(self, chosen: TabLine.Chosen) -> None:
        await self.show(chosen.pane_id)

    async def _look_at(self, changes: dict[str, Any]) -> None:
        scope = replace(self.scope, **changes)
        await self._most_changed.learn(self.workbench.reader, scope, self.runs, settled=True)
        self.scope = resolve(scope, self.runs, self._most_changed.names)

    @property
    def _compares(self) -> bool:
        """Whether the current pane shows a candidate; it is not replaced while the user reads it."""
        return self.switcher.current not in (None, "runs", "models")

    async def action_step(self, field: str, by: int) -> None:
        """Step to the next model, candidate or judge, from the last to the first."""
        choices = self._choices(field)
        if len(choices) < 2:
            self.notify(f"There is no other {field}.", timeout=2)
            return
        current = next((i for i, choice in enumerate(choices) if choice.items() <= _values(self.scope).items()), 0)
        chosen = {"candidate_chosen": True} if field == "candidate" else {}
        await self._look_at(choices[(current + by) % len(choices)] | chosen)

    def _choices(self, field: str) -> list[dict[str, Any]]:
        if field == "model":
            return [{"run_id": run_id, "model": model} for run_id, model in models(self.scope, self.runs)]
        if field == "judge":
            # No judge is a choice too while none graded both sides.
            labels = judges(self.scope, self.runs)
            return [{"judge": label} for label in (labels if self.scope.judge else [None, *labels])]
        return [
            {"candidate": v.name}
            for run in self.runs
            if run.id == self.scope.run_id
            for v in run.variants
            if v.model == self.scope.model and v.name != self.scope.baseline
        ]

    def action_help(self) -> None:
        from qtui.ui.dialogs.help import HelpScreen

        self.app.push_screen(HelpScreen(self.switcher.current or ""))

    def action_redraw(self) -> None:
        self.workbench.redraw()

    def action_quit(self) -> None:
        active = [run for run in self.runs if run.active]
        progress = ", ".join(f"{safe(run.experiment)} ({run.answered} of {run.expected} answers)" for run in active)
        if active:
            still_running = f"Still running: {progress}. Run `qtui` to attach again."
            self.workbench.exit_lines = [still_running, *_end_notices(active, self.workbench.store_path)]
        self.app.exit()


def _end_notices(active: Sequence[RunSummary], store_path: Path) -> Iterator[str]:
    """Yield a line for each run that ends with a cluster job or a logout; with a remedy if it is this terminal's job or login."""
    for run in active:
        here = session_end.notices_here(run.ends, Commands.of_running(run.id, store_path))
        texts = [notice.text for notice in here] or [session_end.in_words(run.ends, run.ends_at)]
        yield from (f"Run {run.id}: {safe(text)}" for text in texts if text)


def _create_pane(pane_id: str) -> Pane:
    module_name, class_name = PANES[pane_id].split(":")
    return cast(Pane, getattr(importlib.import_module(module_name), class_name)(id=pane_id))


def _values(scope: Scope) -> dict[str, Any]:
    return {field.name: getattr(scope, field.name) for field in fields(scope)}
