"""The pane Tasks: the list of tasks with flags and changes, and the selected task in full."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from qtui.format import signed
from qtui.store import task_answers
from qtui.store.task_answers import TaskSides
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.data.scope import Scope
from qtui.ui.data.task_list import ORDER_NAMES, TaskList, TaskRow, legend
from qtui.ui.panes.task_list_pane import TaskListPane
from qtui.ui.panes.task_text import task_words
from qtui.ui.widgets.filter_line import FilterLine
from qtui.ui.widgets.table import Cell, Column, Row, VirtualTable
from qtui.ui.widgets.text_view import Mark, TextView

NOTHING = "No runs yet. Press 1, then n for a new run, or try `qtui demo`."


class TaskDetails(TextView):
    MARKS_FOCUS = False


class TaskRows:
    """Rows built when they come into view: a list of 100,000 tasks costs no more than the visible ones."""

    def __init__(self, rows: Sequence[TaskRow], *, paired: bool) -> None:
        self._rows, self._paired = rows, paired

    def __len__(self) -> int:
        return len(self._rows)

    def window(self, start: int, stop: int) -> Sequence[Row]:
        return [_row(row, paired=self._paired) for row in self._rows[start:stop]]


class TasksPane(TaskListPane):
    TITLE = "Tasks"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("tasks"))

    table = getters.query_one(VirtualTable)
    details = getters.query_one(TaskDetails)
    status = getters.query_one("#task-status", Static)
    legend = getters.query_one("#task-legend", Static)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._listed: tuple[TaskList, str | None] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="task-status", markup=False)
        with Container(id="task-halves"):
            yield VirtualTable(id="task-list")
            yield TaskDetails(id="task-details")
        yield Static(id="task-legend", markup=False)
        yield FilterLine()

    def show_pane(self) -> None:
        # Another pane may have changed the task; while this pane is shown, its cursor decides.
        self._listed = None
        super().show_pane()

    def on_resize(self, event: Resize) -> None:
        self.legend.update(legend(self.tasks, event.size.width - 2))

    async def refresh_data(self) -> None:
        scope = self.scope
        run_id, model = scope.run_id, scope.model
        if run_id is None or model is None:
            self._listed = None
            self.table.show((), TaskRows((), paired=False), empty=NOTHING)
            self.details.show("")
            self.status.update("")
            return
        sides = await self.read_with_tasks(lambda store: task_answers.sides(store, run_id, model, scope.task))
        if self._listed is None or self._listed[0] is not self.tasks or self._listed[1] != scope.candidate:
            self._show_list(scope)
        self.status.update(_status(scope, self.tasks))
        if sides is not None:
            text, marks = _details(sides)
            self.details.show(text, marks)

    @on(VirtualTable.RowHighlighted)
    def _highlighted(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()
        if message.index < len(self.tasks.rows):
            self._look_at(self.tasks.rows[message.index].task)

    @property
    def chosen_task(self) -> int:
        rows = self._listed[0].rows if self._listed is not None else ()
        return rows[self.table.cursor].task if self.table.cursor < len(rows) else self.scope.task

    def action_open(self) -> None:
        if self.tasks.rows:
            self.select(task=self.chosen_task, pane="compare")

    def action_flagged(self) -> None:
        self.select(flagged=not self.scope.flagged)

    def action_back(self) -> None:
        """Clear the filter; then go back to the pane that chose the tasks."""
        among = self.scope.among
        if among is None or self.scope.text or self.scope.flagged:
            self.select(text="", flagged=False)
        else:
            self.select(among=None, pane=among.pane)

    def check_action(self, action: str, _: tuple[object, ...]) -> bool | None:
        return bool(self.scope.text or self.scope.flagged or self.scope.among) if action == "back" else True

    def _show_list(self, scope: Scope) -> None:
        self._listed = (self.tasks, scope.candidate)
        paired = scope.candidate is not None
        place = self.tasks.place(scope.task)
        self.table.show(
            _columns(scope), TaskRows(self.tasks.rows, paired=paired), cursor=place or 0, empty=_empty(scope)
        )
        self.legend.update(legend(self.tasks, self.size.width - 2))
        if place is None and self.tasks.rows:
            self._look_at(self.tasks.rows[0].task)

    def _look_at(self, task: int) -> None:
        if task != self.scope.task:
            self.select(task=task)


def _columns(scope: Scope) -> tuple[Column, ...]:
    names = [safe(name) for name in (scope.baseline, scope.candidate) if name is not None]
    figures = (
        Column("Δ", width=5, align="right"),
        Column("length", width=6, align="right", drop=1),
        Column("alike", width=5, align="right", drop=2),
    )
    flags = tuple(Column(name, width=max(3, min(8, len(name)))) for name in names)
    return (
        Column("task", width=4, align="right"),
        Column("", width=2),
        Column("input", flex=1, least=16),
        *flags,
        *(figures if len(names) > 1 else ()),
    )


def _row(row: TaskRow, *, paired: bool) -> Row:
    note, figures = row.line.note, row.figures
    signs = ("★" if note.starred else " ") + ("✎" if note.comment else " ")
    cells: list[Cell] = [str(row.task), signs, row.line.head.strip(), _flags(figures.baseline_flags)]
    if paired:
        cells += [_flags(figures.candidate_flags), _change(figures.delta)]
        cells += ["" if figures.ratio is None else f"×{figures.ratio:.2f}"]
        cells += ["" if figures.similarity is None else f"{figures.similarity:.2f}"]
    return cells


def _flags(letters: str) -> Cell:
    return Text(letters, "bold") if letters else "·"


def _change(delta: float | None) -> Cell:
    if delta is None:
        return ""
    text = signed(delta)
    return Text(text, "bold") if delta <= -2 else text


def _status(scope: Scope, tasks: TaskList) -> Content:
    count = f"{len(tasks.rows)} of {tasks.total} tasks" if len(tasks.rows) != tasks.total else f"{tasks.total} tasks"
    parts = [Content.styled(count, "bold"), Content.styled(f"by {ORDER_NAMES[scope.order]}", "$foreground 75%")]
    if scope.among is not None:
        parts.append(Content.styled(f"{scope.among.words} (Esc: back)", "$accent"))
    if scope.text:
        parts.append(Content.styled(f"containing “{safe(scope.text)}”", "$accent"))
    if scope.flagged:
        parts.append(Content.styled("flagged or starred", "$accent"))
    if scope.order == "delta" and tasks.rows and all(row.figures.delta is None for row in tasks.rows):
        parts.append(Content.styled("not graded on both sides", "$foreground 75%"))
    return Content(" · ").join(parts)


def _empty(scope: Scope) -> str:
    if scope.text or scope.flagged or scope.among:
        return "No task matches the filter. Press Esc to clear it."
    return "This run has no tasks."


def _details(sides: TaskSides) -> tuple[str, Sequence[Mark]]:
    """Return the task and the user's comment on it, under headings."""
    text, marks = task_words(sides.task, "all")
    if not sides.note.comment:
        return text, marks
    heading = "Comment"
    marks.append(Mark(len(text) + 1, len(text) + 1 + len(heading), "heading"))
    return f"{text}\n{heading}\n{safe(sides.note.comment)}", marks
