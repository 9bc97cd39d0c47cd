"""The task list: tasks with their figures, sorted and filtered by the scope.

Tasks shows this list and Compare steps through it, so that "the next task" is the same in both. Lengths and stars come from the
store at once; score change, similarity and loops come from the figures process and are filled in later.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from qtui.store import Store
from qtui.store.task_answers import TaskLine, task_lines, tasks_containing
from qtui.text import width
from qtui.ui.data.scope import Scope

if TYPE_CHECKING:
    from qtui.results.task_changes import TaskDelta

    Computed = Callable[..., Awaitable[tuple[TaskDelta, ...]]]
    """A pane's method that calls a function of `qtui.results` on its store."""

ORDERS = ("task", "delta", "ratio", "similarity")
ORDER_NAMES = {"task": "number", "delta": "score change", "ratio": "length ratio", "similarity": "similarity"}
SHORT = 20
"""Fewer characters than this is short, as in the study."""
LETTERS = {"unfinished_thought": "U", "empty": "E", "truncated": "T", "looping": "L", "short": "S"}
LEGENDS = (
    "E empty · T truncated · L loop · S short (under 20 characters) · ★ starred · ✎ commented · Δ change of grade · length, alike: "
    "against the baseline",
    "E empty · T truncated · L loop · S short · Δ grade change · alike: 1 is equal",
    "E empty T truncated L loop S short",
)
"""From the longest to the shortest: the first that fits is shown."""
UNFINISHED = "U unfinished thought"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one task; None is unknown. With several samples: means, and flags that any sample has."""

    delta: float | None = None
    """Grade of the candidate − grade of the baseline by the scope's judge."""
    ratio: float | None = None
    similarity: float | None = None
    baseline_flags: str = ""
    candidate_flags: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    line: TaskLine
    figures: Figures

    @property
    def task(self) -> int:
        return self.line.task

    @property
    def flagged(self) -> bool:
        return bool(self.figures.baseline_flags or self.figures.candidate_flags or self.line.note.starred)


@dataclass(frozen=True, slots=True)
class TaskList:
    """`rows` in the scope's order and under its filter; `total` tasks without it."""

    rows: tuple[TaskRow, ...] = ()
    total: int = 0

    @property
    def tasks(self) -> tuple[int, ...]:
        return tuple(row.task for row in self.rows)

    def place(self, task: int) -> int | None:
        """Return the index of a task's row; None if the filter hides it."""
        return next((i for i, row in enumerate(self.rows) if row.task == task), None)

    def row(self, task: int) -> TaskRow | None:
        index = self.place(task)
        return None if index is None else self.rows[index]

    def step(self, task: int, by: int) -> int | None:
        """Return the task `by` rows further; None beyond the end. From a task outside the list: the nearest by number."""
        if not self.rows:
            return None
        index = self.place(task)
        if index is None:
            return min(self.tasks, key=lambda other: (abs(other - task), other))
        return self.rows[index + by].task if 0 <= index + by < len(self.rows) else None


@dataclass(frozen=True, slots=True)
class Read:
    """Data from the store: all task lines of a model, and the tasks that contain the scope's text (None: no filter)."""

    lines: tuple[TaskLine, ...]
    containing: frozenset[int] | None


def read(store: Store, scope: Scope) -> Read:
    if scope.run_id is None or scope.model is None:
        return Read((), None)
    lines = task_lines(store, scope.run_id, scope.model, scope.baseline, scope.candidate)
    names = [name for name in (scope.baseline, scope.candidate) if name is not None]
    containing = tasks_containing(store, scope.run_id, scope.model, scope.text, names) if scope.text else None
    return Read(tuple(lines), containing)


def arrange(read: Read, deltas: Sequence["TaskDelta"], scope: Scope) -> TaskList:
    """Combine lines and figures, filtered and sorted by the scope."""
    by_task: dict[int, list[TaskDelta]] = {}
    for delta in deltas:
        by_task.setdefault(delta.task, []).append(delta)
    rows = [TaskRow(line, _figures(line, by_task.get(line.task, []), scope.judge)) for line in read.lines]
    among = None if scope.among is None else frozenset(scope.among.tasks)
    shown = [
        row
        for row in rows
        if (read.containing is None or row.task in read.containing)
        and (row.flagged or not scope.flagged)
        and (among is None or row.task in among)
    ]
    return TaskList(tuple(sorted(shown, key=_worst_first(scope.order))), len(rows))


def legend(tasks: TaskList, room: int) -> str:
    """Return the longest legend that fits into `room` cells. The letter of unfinished thoughts is in it only if a task has it."""
    flags = "".join(row.figures.baseline_flags + row.figures.candidate_flags for row in tasks.rows)
    has_unfinished = LETTERS["unfinished_thought"] in flags
    legends = [f"{UNFINISHED} · {words}" for words in LEGENDS] if has_unfinished else LEGENDS
    return next((words for words in legends if width(words) <= room), legends[-1])


class DeltaSource:
    """The figures of the current comparison, fetched in the background; the previous ones until newer ones arrive."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] | None = None
        self._deltas: tuple[TaskDelta, ...] = ()

    def current(self, scope: Scope) -> "tuple[TaskDelta, ...]":
        return self._deltas if self._key == _key(scope) else ()

    async def fetch(self, computed: "Computed", scope: Scope) -> bool:
        """Fetch the scope's figures; return whether they changed."""
        if scope.run_id is None or scope.model is None or scope.baseline is None or scope.candidate is None:
            return False
        from qtui.results.task_changes import deltas

        fetched = await computed(deltas, scope.run_id, scope.model, scope.baseline, scope.candidate)
        changed = self._key != _key(scope) or fetched != self._deltas
        self._key, self._deltas = _key(scope), fetched
        return changed


def next_order(order: str) -> str:
    return ORDERS[(ORDERS.index(order) + 1) % len(ORDERS)]


def _key(scope: Scope) -> tuple[object, ...]:
    return scope.run_id, scope.model, scope.baseline, scope.candidate


def _figures(line: TaskLine, deltas: "Sequence[TaskDelta]", judge: str | None) -> Figures:
    """Return a task's figures; without those of the analysis (yet), what follows from the lengths."""
    if not deltas:
        return Figures(
            ratio=_length_ratio(line), baseline_flags=_length_flags(line, 0), candidate_flags=_length_flags(line, 1)
        )
    return Figures(
        _mean([_change(delta, judge) for delta in deltas]),
        _mean([delta.ratio for delta in deltas]),
        _mean([delta.similarity for delta in deltas]),
        _letters([name for delta in deltas for name in delta.baseline_flags]),
        _letters([name for delta in deltas for name in delta.candidate_flags]),
    )


def _change(delta: "TaskDelta", judge: str | None) -> float | None:
    if judge is None:
        return delta.d
    pair = next((grades[1:] for grades in delta.grades if grades[0] == judge), (None, None))
    return None if pair[0] is None or pair[1] is None else pair[1] - pair[0]


def _letters(names: Sequence[str]) -> str:
    """Return the letters of flags; an empty answer is also short, and one in an unfinished thought empty, but gets one letter."""
    return "".join(
        letter
        for name, letter in LETTERS.items()
        if name in names
        and not (name == "short" and "empty" in names)
        and not (name in ("empty", "truncated", "short") and "unfinished_thought" in names)
    )


def _length_ratio(line: TaskLine) -> float | None:
    if line.baseline is None or line.candidate is None or not line.baseline.length:
        return None
    return line.candidate.length / line.baseline.length


def _length_flags(line: TaskLine, side: int) -> str:
    extent = (line.baseline, line.candidate)[side]
    if extent is None:
        return ""
    empty = extent.length == 0
    short = extent.length < SHORT and not empty
    flags = {
        "unfinished_thought": extent.is_unfinished,
        "empty": empty,
        "truncated": extent.truncated,
        "short": short,
    }
    return _letters([name for name, is_set in flags.items() if is_set])


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


def _worst_first(order: str) -> Callable[[TaskRow], tuple[float, int]]:
    """Return a sort key: largest loss of score, smallest length ratio or least similarity first; unknown last."""

    def key(row: TaskRow) -> tuple[float, int]:
        value: float | None = 0.0 if order == "task" else getattr(row.figures, order)
        return (inf if value is None else value, row.task)

    return key
