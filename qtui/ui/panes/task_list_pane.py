"""The part that Tasks and Compare share: the task list in the scope's order, its filter, stars and comments."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from operator import is_
from typing import TypeVar

from textual import on
from textual.widget import Widget

from qtui.errors import UserError
from qtui.results.answers import PairName
from qtui.store import Store, notes
from qtui.store.notes import Note
from qtui.ui.data import task_list
from qtui.ui.data.scope import Scope
from qtui.ui.data.task_list import DeltaSource, TaskList
from qtui.ui.panes.figures_pane import FiguresPane
from qtui.ui.panes.grading_queue import NOTHING_LEFT, GradingQueue, reasons
from qtui.ui.widgets.filter_line import FilterLine

T = TypeVar("T")


class TaskListPane(FiguresPane):
    """`tasks` is the list as of the last `read_with_tasks`; a subclass shows it and composes a FilterLine."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.tasks = TaskList()
        self._read = task_list.Read((), None)
        self._read_for: object = None
        self._arranged_for: tuple[object, ...] = ()
        self._deltas = DeltaSource()
        self._fetching = False
        self._text = ""
        self._before_filter: Widget | None = None
        self._queue = GradingQueue()

    async def read_with_tasks(self, question: Callable[[Store], T]) -> T:
        """Ask the store a question and update `tasks` in the same read; the list is read only if it may have changed."""
        scope = self.scope
        view = (scope.run_id, scope.model, scope.baseline, scope.candidate, scope.text)

        def ask(store: Store) -> tuple[object, task_list.Read | None, T]:
            state = (store.changes_seen(), view)
            lines = None if state == self._read_for else task_list.read(store, scope)
            return state, lines, question(store)

        self._read_for, lines, answer = await self.reader.read(ask)
        self._read = lines or self._read
        await self._arrange(scope)
        if scope.text != self._text:
            self._text = scope.text
            self._go_into_list(scope)
        if not self._fetching:
            self._fetching = True
            self.run_worker(self._fetch_figures(), group="figures")
        return answer

    def _go_into_list(self, scope: Scope) -> None:
        """Move to the nearest listed task if the filter hides the current one."""
        nearest = self.tasks.step(scope.task, 0)
        if nearest is not None and nearest != scope.task:
            self.select(task=nearest)

    @property
    def figures_known(self) -> bool:
        return bool(self._deltas.current(self.scope))

    def note_of(self, task: int) -> Note:
        return next((line.note for line in self._read.lines if line.task == task), Note())

    def action_worth_grading(self) -> None:
        """Go to the next pair on which a person's grade tells most; in a worker, so that keys work while it is computed."""
        scope = self.scope
        if scope.run_id is None or scope.model is None or scope.baseline is None or scope.candidate is None:
            self.notify("There is no pair of variants to grade.", timeout=2)
            return
        names = PairName(scope.run_id, scope.model, scope.baseline, scope.candidate)
        self.run_worker(self._go_to_worth_grading(scope, names), group="worth grading", exclusive=True)

    async def _go_to_worth_grading(self, scope: Scope, names: PairName) -> None:
        from qtui.results.worth_grading import pairs_to_grade

        numbers, config = self.workbench.numbers, self.workbench.config
        try:
            queue = await numbers.ask_anew(pairs_to_grade, self.workbench.store_path, names, config.margin)
        except UserError as problem:
            await self.show_problem(problem)
            return
        pair = self._queue.next(scope, queue)
        if pair is None:
            self.notify(NOTHING_LEFT, timeout=8)
            return
        self.notify(reasons(pair, len(queue), is_blind=self.is_blind), timeout=8, markup=False)
        self.go_to_pair(pair.task, pair.sample)

    @property
    def is_blind(self) -> bool:
        """Whether nothing may tell which variant wrote which answer."""
        return False

    def go_to_pair(self, task: int, sample: int) -> None:  # noqa: ARG002 - Compare shows the sample
        """Show a pair of answers in Compare."""
        self.select(task=task, pane="compare")

    def action_order(self) -> None:
        self.select(order=task_list.next_order(self.scope.order))

    def action_filter(self) -> None:
        self._before_filter = self.screen.focused
        self.query_one(FilterLine).open(self.scope.text)

    @on(FilterLine.Changed)
    def _filter_changed(self, changed: FilterLine.Changed) -> None:
        changed.stop()
        if changed.text != self.scope.text:
            self.select(text=changed.text)
        if changed.closed:
            self.screen.set_focus(self._before_filter, scroll_visible=False)

    @property
    def chosen_task(self) -> int:
        """The task that keys mean: the one last chosen here, although the scope follows a moment later."""
        return self.scope.task

    async def action_star(self) -> None:
        scope = replace(self.scope, task=self.chosen_task)
        note = self.note_of(scope.task)
        await self._put_note(scope, Note(not note.starred, note.comment))

    def action_comment(self) -> None:
        from qtui.ui.dialogs.text_prompt import TextPromptScreen

        scope = replace(self.scope, task=self.chosen_task)
        if scope.run_id is None:
            return
        note = self.note_of(scope.task)

        async def save(comment: str | None) -> None:
            if comment is not None:
                await self._put_note(scope, Note(note.starred, comment.strip()))

        question = f"Comment on task {scope.task} of {scope.model}"
        self.app.push_screen(TextPromptScreen(question, value=note.comment), save)

    async def write(self, change: Callable[[Store], None]) -> None:
        """Change the store and show the result; notify the user of an error."""
        try:
            await self.reader.write(change)
        except UserError as problem:
            self.notify(str(problem), severity="error", markup=False)
        else:
            self.data_changed(at_once=True)

    async def _arrange(self, scope: Scope) -> None:
        """Update `tasks`, in a thread: to sort 50,000 tasks takes long enough to be felt at a key.

        It stays the same object while nothing changes, so that callers can compare by identity.
        """
        deltas = self._deltas.current(scope)
        state = (self._read, deltas, scope.order, scope.flagged, scope.judge, scope.among)
        same_data = len(self._arranged_for) == len(state) and all(map(is_, self._arranged_for[:2], state[:2]))
        if not same_data or self._arranged_for[2:] != state[2:]:
            self.tasks = await asyncio.to_thread(task_list.arrange, self._read, deltas, scope)
            self._arranged_for = state

    async def _put_note(self, scope: Scope, note: Note) -> None:
        run_id, model = scope.run_id, scope.model
        if run_id is not None and model is not None:
            await self.write(lambda store: notes.put(store, run_id, model, scope.task, note))

    async def _fetch_figures(self) -> None:
        """Fetch the figures; fetch again if meanwhile the scope or the store has changed."""
        try:
            while self.shown:
                scope, version = self.scope, self.workbench.numbers.version
                # At leisure: otherwise every new answer of a run would recompute all of them.
                if await self._deltas.fetch(self.computed, scope):
                    self.data_changed(at_once=True)
                if (scope.run_id, scope.model, scope.baseline, scope.candidate, version) == (
                    self.scope.run_id,
                    self.scope.model,
                    self.scope.baseline,
                    self.scope.candidate,
                    self.workbench.numbers.version,
                ):
                    return
        except UserError as problem:
            await self.show_problem(problem)
        finally:
            self._fetching = False
