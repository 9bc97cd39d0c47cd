"""The task set of an experiment, and what a reader of its tasks should know."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.errors import UserError
from qtui.records import JudgeSpec, TaskSet
from qtui.tasks import ColumnError, ColumnMap, load_task_set

if TYPE_CHECKING:
    from qtui.experiment.form import TasksForm

Problem = Callable[[tuple[str | int, ...], str], None]
"""Called with a location and what is wrong there."""


def load(form: "TasksForm", base: Path, problem: Problem) -> TaskSet:
    """The tasks that an experiment names, with the columns that it names; an empty set after a problem."""
    columns = ColumnMap(form.input, form.reference, form.criteria, form.encoding)
    try:
        return load_task_set(form.source, base=base, columns=columns)
    except ColumnError as error:
        problem(("tasks", error.key), str(error))
    except UserError as error:
        problem(("tasks",), str(error))
    return TaskSet(form.source, ())


def notes(task_set: TaskSet, judges: Sequence[JudgeSpec]) -> Iterator[str]:
    """Sentences on how the tasks were read, and on a judge that cannot work with them."""
    yield from task_set.notes
    has_reference = any(task.reference.strip() for task in task_set.tasks)
    if not has_reference and any(judge.kind == "reference" for judge in judges):
        yield "No task has a reference, so the reference judge will grade no answer."
