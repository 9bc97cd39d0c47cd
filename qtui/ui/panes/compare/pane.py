"""The pane Compare: the answers of baseline and candidate to one task side by side, with the differences marked.

Order, filter and stars are those of the pane Tasks. In blind mode the sides are shuffled per task, always in the same way for the
same task, and nothing on the screen tells which variant wrote which answer.
"""

from functools import partial
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Static

from qtui.differences import Differences, Likeness, differences, likeness, unified
from qtui.records import Turn, content_hash
from qtui.store import Store, divergences, grades, task_answers
from qtui.store.preferences import PreferenceLine
from qtui.store.task_answers import Side, SideAnswer, TaskSides
from qtui.text import safe
from qtui.ui import clipboard, keys, stylesheet
from qtui.ui.data.scope import Scope
from qtui.ui.panes.compare.side_panel import SidePanel
from qtui.ui.panes.compare.side_words import blind_words, side_words
from qtui.ui.panes.task_list_pane import TaskListPane
from qtui.ui.panes.task_text import divergence_words, position_words, task_words, unified_words
from qtui.ui.widgets.filter_line import FilterLine
from qtui.ui.widgets.text_view import TextView

NOTHING = "No runs yet. Press 1, then n for a new run, or try `qtui demo`."
TASK_TEXT = ("input", "all", "hidden")


class TaskText(TextView):
    """The task's text; focusable only if it is longer than its room."""

    def allow_focus(self) -> bool:
        return super().allow_focus() and self.max_scroll_y > 0


class ComparePane(TaskListPane):
    TITLE = "Compare"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("compare"))

    position = getters.query_one("#position", Static)
    first_difference = getters.query_one("#first-difference", Static)
    task_text = getters.query_one(TaskText)
    left = getters.query_one("#left", SidePanel)
    right = getters.query_one("#right", SidePanel)
    unified_text = getters.query_one("#unified", TextView)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._sides: TaskSides | None = None
        self._divergences: dict[int, divergences.MeasuredAnswer] = {}
        self._shown: list[tuple[Side, SideAnswer | None]] = []
        self._differences: Differences | None = None
        self._likeness: Likeness | None = None
        self._marked = 0
        self._sample = 0
        self._requested_task: int | None = None
        self._task_text = TASK_TEXT[0]
        self._blind = self._grading = self._unified = self._reasons = self._thoughts = False
        self._diff = True
        self._place: object = None
        self._offered = (False, False)

    def compose(self) -> ComposeResult:
        yield Static(id="position", markup=False)
        yield TaskText()
        with Horizontal(id="sides"):
            yield SidePanel(id="left")
            yield SidePanel(id="right")
        yield Static(id="first-difference", markup=False)
        yield TextView(id="unified")
        yield FilterLine()

    def on_mount(self) -> None:
        self.left.answer.link(self.right.answer)

    async def refresh_data(self) -> None:
        scope = self.scope
        run_id, model = scope.run_id, scope.model
        if run_id is None or model is None:
            self._sides = None
            self.add_class("-nothing")
            self.position.update(Content(NOTHING))
            return
        self._sides, self._divergences = await self.read_with_tasks(partial(_read, scope, run_id, model))
        self._requested_task = None
        self._show()

    def focus_content(self) -> None:
        if self._last_focused is None or not self._last_focused.focusable:
            self._last_focused = self.unified_text if self._unified else self.left.answer
        super().focus_content()

    @on(DescendantFocus)
    def _mark_side(self, event: DescendantFocus) -> None:
        for number, panel in enumerate((self.left, self.right)):
            if panel in event.widget.ancestors and self._marked != number:
                self._marked = number
                self._describe()

    def check_action(self, action: str, _: tuple[object, ...]) -> bool | None:
        """Digits grade only while grading; otherwise they switch panes."""
        if action == "own_grade":
            return self._grading
        if action == "sample":
            return self._samples > 1
        return True

    def action_task(self, by: int) -> None:
        task = self.tasks.step(self.chosen_task, by)
        if task is None:
            self.notify("This is the last task." if by > 0 else "This is the first task.", timeout=2)
            return
        self._requested_task, self._sample = task, 0
        self.select(task=task)

    @property
    def chosen_task(self) -> int:
        return self._requested_task or self.scope.task

    @property
    def is_blind(self) -> bool:
        return self._blind

    def go_to_pair(self, task: int, sample: int) -> None:
        """Show the pair, ready to be graded."""
        self._requested_task, self._sample = task, sample
        self._grading = not self._unified
        if task == self.scope.task:
            self._show()
        else:
            self.select(task=task)

    def action_grade(self) -> None:
        self._grading = not self._grading and not self._unified
        self._describe()
        self._refresh_bindings()

    async def action_own_grade(self, grade: int) -> None:
        answer = self._marked_answer()
        if answer is None or self._sides is None:
            self.notify("There is no answer to grade.", timeout=2)
            return
        place = grades.Place(answer.answer_id, self._sides.task_id)
        await self.write(lambda store: grades.commit_human(store, place, grade or None))

    def action_blind(self) -> None:
        self._blind = not self._blind
        self._show()

    def action_diff(self) -> None:
        self._diff = not self._diff
        self._show()

    def action_unified(self) -> None:
        self._unified = not self._unified
        self._show()
        (self.unified_text if self._unified else self.left.answer).focus()

    def action_reasons(self) -> None:
        self._reasons = not self._reasons
        self._show()

    def action_thoughts(self) -> None:
        if not any(answer and answer.thoughts and answer.thoughts.text for _, answer in self._shown):
            self.notify("Neither answer has thoughts.", timeout=2)
            return
        self._thoughts = not self._thoughts
        self._show()

    def action_task_text(self) -> None:
        self._task_text = TASK_TEXT[(TASK_TEXT.index(self._task_text) + 1) % len(TASK_TEXT)]
        self._show()

    def action_sample(self) -> None:
        self._sample = (self._sample + 1) % max(1, self._samples)
        self._show()

    async def action_copy(self) -> None:
        view = self.unified_text if self._unified else (self.left, self.right)[self._marked].answer
        answer = self._marked_answer()
        text = view.selected() or (self.unified_text.text if self._unified else answer.text if answer else "")
        if text:
            self.notify(await clipboard.copy(self.app, text), timeout=3, markup=False)

    def action_back(self) -> None:
        """Close what is open: grading, the unified view, the filter; then go back to Tasks."""
        if self._grading:
            self.action_grade()
        elif self._unified:
            self.action_unified()
        elif self.scope.text:
            self.select(text="")
        else:
            self.select(pane="tasks")

    @property
    def _samples(self) -> int:
        sides = [self._sides.side(name) for name in (self.scope.baseline, self.scope.candidate)] if self._sides else []
        return max((len(side.answers) for side in sides if side), default=0)

    def _marked_answer(self) -> SideAnswer | None:
        return self._shown[self._marked][1] if self._marked < len(self._shown) else None

    def _show(self) -> None:
        """Show the data as last read, in the current modes."""
        if self._sides is None:
            return
        if self.has_class("-nothing"):
            self.remove_class("-nothing")
            self.left.answer.focus()
        self._shown = self._in_order(self._sides)
        self._marked = min(self._marked, max(0, len(self._shown) - 1))
        texts = [safe(answer.text) if answer else "" for _, answer in self._shown]
        answered = len(self._shown) == 2 and all(answer for _, answer in self._shown)
        self._differences = differences(texts[0], texts[1]) if answered else None
        stored = [answer.text for _, answer in self._shown if answer]
        self._likeness = likeness(stored[0], stored[1]) if answered else None
        self._set_classes()
        text, marks = task_words(self._sides.task, self._task_text, self._earlier())
        self.task_text.show(text, marks)
        self._describe()
        self._show_divergence()
        if self._unified:
            self._show_unified(texts)
        else:
            self._show_sides()
        self._refresh_bindings()

    def _earlier(self) -> list[tuple[str, tuple[Turn, ...]]]:
        """Return the turns before each answer on the screen, under the names of its sides; none in a task of one turn."""
        names = ("A", "B") if self._blind else [side.variant for side, _ in self._shown]
        return [
            (name, answer.earlier)
            for name, (_, answer) in zip(names, self._shown, strict=False)
            if answer and answer.earlier
        ]

    def _refresh_bindings(self) -> None:
        """Rebuild the footer, which is slow, only if its keys changed."""
        offered = (self._grading, self._samples > 1)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def _set_classes(self) -> None:
        self.set_class(self._unified, "-unified")
        self.set_class(self._reasons and not self._blind, "-reasons")
        for state in TASK_TEXT:
            self.set_class(self._task_text == state, f"-task-{state}")
        self.set_class(len(self._shown) < 2, "-one-side")

    def _in_order(self, sides: TaskSides) -> list[tuple[Side, SideAnswer | None]]:
        """Return baseline and candidate with the current sample; in blind mode shuffled by the task."""
        present = [sides.side(name) for name in (self.scope.baseline, self.scope.candidate) if name is not None]
        shown = [(side, _sample(side, self._sample)) for side in present if side is not None]
        if self._blind and _draw(self.scope.run_id, self.scope.model, self.scope.task):
            shown.reverse()
        return shown

    def _describe(self) -> None:
        """Update the line with the position and the lines above each answer."""
        if self._sides is None:
            return
        self.position.update(
            position_words(
                self.scope, self.tasks, self._sides.note, self._likeness,
                blind=self._blind, figures_known=self.figures_known,
                differs_on_screen=self._differences is not None and self._differences.divergence is not None,
            )
        )  # fmt: skip
        more = f"sample {self._sample + 1} of {self._samples}" if self._samples > 1 else ""
        for number, ((side, answer), panel) in enumerate(zip(self._shown, (self.left, self.right), strict=False)):
            words = (
                blind_words("AB"[number], answer)
                if self._blind
                else side_words(side, answer, self._role(side), self.scope.judge, self._preferences())
            )
            panel.describe(words, marked=number == self._marked, grading=self._grading, more=more)

    def _preferences(self) -> list[PreferenceLine]:
        """Return what judges that compare say of the two answers on the screen."""
        names = {side.variant for side, _ in self._shown}
        sample = next((answer.sample for _, answer in self._shown if answer), self._sample)
        found = self._sides.preferences if self._sides else ()
        return [line for line in found if {line.baseline, line.candidate} == names and line.sample == sample]

    def _role(self, side: Side) -> str:
        if len(self._shown) < 2:
            return "No candidate to compare: only"
        return "Baseline" if side.variant == self.scope.baseline else "Candidate"

    def _show_sides(self) -> None:
        place = (self.scope.run_id, self.scope.model, self.scope.task, self._sample, self._blind, self._thoughts)
        keep, self._place = place == self._place, place
        marked = self._differences if self._diff else None
        spans = (marked.left, marked.right) if marked else ((), ())
        for number, ((side, answer), panel) in enumerate(zip(self._shown, (self.left, self.right), strict=False)):
            words = blind_words("", answer) if self._blind else side_words(side, answer, "", None)
            panel.answer.show_answer(
                answer.text if answer else "",
                different=spans[number],
                divergence=marked.divergence if marked else None,
                note=words.note,
                thoughts=answer.thoughts.text if answer and answer.thoughts and self._thoughts else "",
                keep_place=keep,
            )
        self.left.answer.link(self.right.answer if len(self._shown) == 2 else None)

    def _show_divergence(self) -> None:
        """Show the measured divergence, if there is one; not in blind mode, because it tells which side is the baseline."""
        measured = None if self._blind else self._divergences.get(self._sample)
        self.set_class(measured is not None, "-first-difference")
        if measured is not None:
            self.first_difference.update(divergence_words(measured))

    def _show_unified(self, texts: list[str]) -> None:
        if self._differences is None:
            self.unified_text.show("There is no answer on one side: nothing to compare.")
            return
        names = ["A", "B"] if self._blind else [safe(side.variant) for side, _ in self._shown]
        text, marks = unified_words(unified(texts[0], texts[1], self._differences), names)
        self.unified_text.show(text, marks)


def _read(
    scope: Scope, run_id: int, model: str, store: Store
) -> tuple[TaskSides | None, dict[int, divergences.MeasuredAnswer]]:
    sides = task_answers.sides(store, run_id, model, scope.task)
    if sides is None or scope.baseline is None or scope.candidate is None:
        return sides, {}
    return sides, divergences.of_task(
        store, run_id, model=model, baseline=scope.baseline, candidate=scope.candidate, task_id=sides.task_id
    )


def _sample(side: Side, number: int) -> SideAnswer | None:
    return side.answers[number] if number < len(side.answers) else None


def _draw(run_id: int | None, model: str | None, task: int) -> bool:
    """Whether to swap the sides: a pseudo-random choice, the same every time for the same task."""
    return int(content_hash("blind", run_id, model, task)[:8], 16) % 2 == 1
