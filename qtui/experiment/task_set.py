"""The task sets of an experiment, and what a reader of its tasks should know."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.errors import UserError
from qtui.records import JudgeSpec, Sampling, TaskSet
from qtui.task_sets import SetRequest, joined, load_set
from qtui.tasks import ColumnError, ColumnMap

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, TasksForm

Location = tuple[str | int, ...]
Problem = Callable[[Location, str], None]
"""Called with a location and what is wrong there."""


def load(form: "ExperimentForm", base: Path, problem: Problem) -> TaskSet:
    """The tasks that an experiment names, of one set or several; an empty set after a problem."""
    if form.tasks and form.task_sets:
        problem(("task_sets",), "the tasks are named twice: by tasks and by [[task_sets]]. Keep one of them.")
    forms: list[tuple[Location, TasksForm]] = [(("tasks",), form.tasks)] if form.tasks else []
    forms += [(("task_sets", i), each) for i, each in enumerate(form.task_sets)]
    sets = [
        _load(each, source, base, lambda key, message, place=place: problem((*place, *key), message))  # type: ignore[misc]
        for place, each in forms
        for source in each.source
    ]
    try:
        return joined(sets)
    except UserError as error:
        problem(forms[0][0][:1], f"{error}.")
    return TaskSet("", ())


def _load(form: "TasksForm", source: str, base: Path, problem: Callable[[Location, str], None]) -> TaskSet:
    columns = ColumnMap(form.input, form.reference, form.criteria, form.encoding)
    try:
        return load_set(SetRequest(source, form.limit, form.seed, form.path, form.examples, columns), base)
    except ColumnError as error:
        problem((error.key,), str(error))
    except UserError as error:
        problem((), str(error))
    return TaskSet(source, ())


def sampling(form: "ExperimentForm", task_set: TaskSet) -> tuple[Sampling, list[str]]:
    """The experiment's sampling, with the limits of its task sets where the experiment has none; and what to say of these.

    All tasks share one sampling. So a suite has the largest max_tokens of its sets, and stop texts only if all its sets have the
    same: a text that ends the answers of one set would cut those of another.
    """
    chosen, notes = Sampling(**form.sampling.model_dump()), []
    is_set = form.sampling.model_fields_set
    # A set without a limit gets the usual one, and tasks of a file have no facts.
    parts = len({task.subset for task in task_set.tasks}) or 1
    limits = [facts.max_tokens for facts in task_set.facts]
    if "max_tokens" not in is_set and any(limits):
        usual = len(limits) < parts or None in limits
        most = max([limit for limit in limits if limit] + ([chosen.max_tokens] if usual else []))
        chosen = replace(chosen, max_tokens=most)
        notes.append(
            f"Answers have at most {most} tokens, {'the most of' if parts > 1 else 'as'} the task sets say (sampling.max_tokens)."
        )
    stops = {facts.stop for facts in task_set.facts}
    if "stop" not in is_set and any(stops):
        if len(stops) == 1 and len(task_set.facts) == parts:
            chosen = replace(chosen, stop=next(iter(stops)))
        else:
            notes.append("The stop texts of the task sets differ, so none is used (sampling.stop).")
    return chosen, notes


def notes(task_set: TaskSet, judges: Sequence[JudgeSpec]) -> Iterator[str]:
    """Sentences on how the tasks were read, and on a judge that cannot work with them."""
    yield from task_set.notes
    has_reference = any(task.reference.strip() for task in task_set.tasks)
    if not has_reference and any(judge.kind == "reference" for judge in judges):
        yield "No task has a reference, so the reference judge will grade no answer."
