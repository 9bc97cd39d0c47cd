"""Which folders of a repository in the study's layout are one study: those with answers to the same tasks.

A repository has more than the study: trials with other tasks, folders without tasks, notebooks. The study's tasks are those that
most folders with answers have. Every other folder with data is left out with a reason, and so is a file that looks like data but
has no name of the layout, so that no answer or grade is missing unseen. Folders without such files, and hidden ones, are no data.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qtui.errors import UserError
from qtui.exchange.folder_names import VariantName, is_judge_name, judge_splits, variant_name
from qtui.exchange.study_lines import ANSWERS, TASKS, answers, first_difference, grade_files, is_file_of_the_layout
from qtui.files.text_decoding import storable
from qtui.records import Task, TaskSet
from qtui.tasks import fields
from qtui.tasks.jsonl import imported_lines
from qtui.tasks.load import recognize

FIRST_JUDGE = "gpt-4"
MOST_NAMED = 5
"""Most files of one folder that a reason names."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A folder that was not imported, or a part of it. `folder` is relative to the folder that was read, `reason` a sentence."""

    folder: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}"


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A folder with answers or grades, and its parsed name. `answers_in` is another folder if this one only has grades of those."""

    path: Path
    name: VariantName
    judge: str
    answers_in: Path


@dataclass(frozen=True, slots=True)
class StudyFolders:
    """The folders of one study, in a stable order, with its tasks. `notes` say how tasks were read."""

    folders: tuple[StudyFolder, ...]
    task_set: TaskSet
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The tasks in a folder; None if it has no file of tasks or `problem` says why they cannot be read."""

    tasks: tuple[Task, ...] | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def find(top: Path, skip: Sequence[str]) -> StudyFolders:
    """The study at or below `top`. Raises UserError if there is none, or if it is not clear which tasks are the study's."""
    found = _Search(top, skip)
    paths = [path for path in found.folders if _has_answers(path) or grade_files(path)]
    if not any(map(_has_answers, paths)):
        raise UserError(_no_answers(top, paths))
    tasks = {path: _tasks(path) for path in found.folders}
    chosen = _choose([path for path in paths if _has_answers(path)], tasks)
    reasons = _reasons(paths, tasks, chosen)
    study = [path for path in paths if not reasons[path]]
    named_by, only_tasks = _folders_of_tasks_only(top, [p for p in found.folders if p not in paths], tasks, chosen)
    left_out = [
        *found.left_out,
        *(LeftOut(_relative(path, top), reason) for path, reason in reasons.items() if reason),
        *(LeftOut(_relative(path, top), f"has tasks but no {ANSWERS}, so no answers") for path in only_tasks),
    ]
    notes = next((tasks[path].notes for path in study if tasks[path].tasks is not None), ())
    task_set = recognize(TaskSet(storable((named_by or top).name), chosen, storable(str(top))))
    return StudyFolders(
        tuple(_classify(path, study) for path in study),
        task_set,
        notes,
        tuple(sorted(left_out, key=lambda each: each.folder)),
    )


class _Search:
    """The folders at or below `top` that may have data, and what could not be looked at."""

    def __init__(self, top: Path, skip: Sequence[str]) -> None:
        self._top, self._skip = top, skip
        self.left_out: list[LeftOut] = []
        self.folders = sorted(self._walk(), key=lambda path: (path != top, path))

    def _walk(self) -> Iterator[Path]:
        for place, names, files in os.walk(self._top, followlinks=True, onerror=self._unreadable):
            folder = Path(place)
            names[:] = [name for name in names if self._is_entered(folder / name)]
            data = sorted(name for name in files if name.lower().endswith(".jsonl") and not name.startswith("."))
            if data and self._has_storable_name(folder):
                yield folder
                self._name_others(folder, [name for name in data if not is_file_of_the_layout(name)])

    def _is_entered(self, path: Path) -> bool:
        relative = path.relative_to(self._top)
        is_skipped = path.name.startswith(".") or path.name in self._skip or str(relative) in self._skip
        around = path.parent.resolve()
        is_loop = path.is_symlink() and path.resolve() in (around, *around.parents)
        return not is_skipped and not is_loop

    def _has_storable_name(self, folder: Path) -> bool:
        if storable(name := _relative(folder, self._top)) == name:
            return True
        self._leave_out(folder, "its name is not UTF-8. Rename the folder to import it")
        return False

    def _name_others(self, folder: Path, names: Sequence[str]) -> None:
        if names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            listed = ", ".join(map(storable, names[:MOST_NAMED])) + more
            self._leave_out(folder, f"not read: {listed}. Files of the study are {ANSWERS}, {TASKS} and result….jsonl")

    def _unreadable(self, error: OSError) -> None:
        self._leave_out(Path(str(error.filename)), f"cannot be read: {error.strerror}")

    def _leave_out(self, folder: Path, reason: str) -> None:
        self.left_out.append(LeftOut(storable(_relative(folder, self._top)), reason))


def _relative(path: Path, top: Path) -> str:
    return str(path.relative_to(top))


def _has_answers(path: Path) -> bool:
    return (path / ANSWERS).is_file()


def _no_answers(top: Path, with_grades: Sequence[Path]) -> str:
    if with_grades:
        return f"{with_grades[0] / ANSWERS}: no such file, so the grades in this folder have no answers"
    return f"{top}: no {ANSWERS} below it. Expected <org>/<model>/{ANSWERS} with {TASKS} beside it."


def _tasks(path: Path) -> _Tasks:
    file = path / TASKS
    if not file.is_file():
        return _Tasks()
    try:
        read = fields.read(imported_lines(file))
    except UserError as error:
        return _Tasks(problem=str(error))
    if not read.tasks:
        return _Tasks(problem=f"{file}: is empty")
    return _Tasks(tuple(task for task, _ in read.tasks), read.notes)


def _choose(with_answers: Sequence[Path], tasks: dict[Path, _Tasks]) -> tuple[Task, ...]:
    """The tasks that most folders with answers have. Raises UserError if there are none, or if others are as frequent."""
    counted = Counter(found for path in with_answers if (found := tasks[path].tasks) is not None)
    if not counted:
        problems = (tasks[path].problem for path in with_answers)
        missing = f"{with_answers[0] / TASKS}: no such file, so the tasks of the answers in this folder are unknown"
        raise UserError(next(filter(None, problems), missing))
    most = max(counted.values())
    often = [found for found, times in counted.items() if times == most]
    if len(often) > 1:
        first, other = (next(path for path in with_answers if tasks[path].tasks == found) for found in often[:2])
        raise UserError(
            f"{other / TASKS}: {_difference(often[1], often[0])} in {first / TASKS}, and as many folders have these tasks as those."
            f" An import has one task set: leave one out with --skip {other.name} and import it separately with --name OTHER."
        )
    return often[0]


def _reasons(paths: Sequence[Path], tasks: dict[Path, _Tasks], chosen: tuple[Task, ...]) -> dict[Path, str]:
    """Why each folder with answers or grades does not belong to the study; empty for those that do."""
    of_answers = {path: _reason_against_answers(path, tasks, chosen) for path in paths if _has_answers(path)}
    study = {path for path, reason in of_answers.items() if not reason}
    of_grades = {
        path: _reason_against_grades(path, tasks[path], chosen, study) for path in paths if not _has_answers(path)
    }
    return {path: (of_answers | of_grades)[path] for path in paths}


def _reason_against_answers(path: Path, tasks: dict[Path, _Tasks], chosen: tuple[Task, ...]) -> str:
    if tasks[path].tasks is not None or tasks[path].problem:
        return _reason_against_tasks(tasks[path], chosen)
    relatives = [each for each in _relatives(path, list(tasks)) if tasks[each].tasks == chosen and _has_answers(each)]
    if any(answers(each) == answers(path) for each in relatives):
        return ""
    return (
        f"no {TASKS}, so the tasks of its answers are unknown. If they are the study's, copy that file into this folder"
    )


def _reason_against_grades(path: Path, own: _Tasks, chosen: tuple[Task, ...], study: set[Path]) -> str:
    graded = [base for base, _ in _bases(path) if _has_answers(base)]
    if not graded:
        return f"no {ANSWERS}, so its grades have no answers"
    if not any(base in study for base in graded):
        return f"its grades are of answers in {graded[0].name}, which is left out"
    return _reason_against_tasks(own, chosen)


def _reason_against_tasks(own: _Tasks, chosen: tuple[Task, ...]) -> str:
    if own.problem:
        return f"its tasks cannot be read ({own.problem})"
    if own.tasks is None or own.tasks == chosen:
        return ""
    return (
        f"other tasks ({_difference(own.tasks, chosen)} of the study). Import the folder separately with --name OTHER"
    )


def _relatives(path: Path, others: Sequence[Path]) -> list[Path]:
    """The folders whose answers this one grades again, and those that grade its answers again."""
    bases = [base for base, _ in _bases(path)]
    return [other for other in others if other in bases or path in (base for base, _ in _bases(other))]


def _bases(path: Path) -> list[tuple[Path, str]]:
    """(folder, judge) for every way to read the end of a folder's name as the judge who graded that folder's answers again."""
    return [(path.parent / base, judge) for base, judge in judge_splits(path.name)]


def _difference(tasks: tuple[Task, ...], first: tuple[Task, ...]) -> str:
    """How tasks differ, to be followed by whose the others are: `task 3 differs in its input from that`."""
    line = first_difference(tasks, first)
    if line is None:
        return f"{len(tasks)} tasks, not the {len(first)}"
    own, other = tasks[line - 1], first[line - 1]
    parts = [part for part in ("input", "reference", "criteria") if getattr(own, part) != getattr(other, part)]
    return f"task {line} differs in its {' and '.join(parts)} from that"


def _folders_of_tasks_only(
    top: Path, paths: Sequence[Path], tasks: dict[Path, _Tasks], chosen: tuple[Task, ...]
) -> tuple[Path | None, list[Path]]:
    """(the folder that has the study's tasks alone, and so its name; the other folders that have tasks alone)."""
    with_tasks = [path for path in paths if (path / TASKS).is_file()]
    named_by = next((path for path in with_tasks if path != top and tasks[path].tasks == chosen), None)
    return named_by, [path for path in with_tasks if path != named_by]


def _classify(path: Path, study: Sequence[Path]) -> StudyFolder:
    """The folder with its role. A judge is at the end of its name if the folder without it has the same answers, or by its look."""
    if grade_files(path):
        for base, judge in _bases(path):
            if base in study and _has_answers(base) and (not _has_answers(path) or _grades_again(path, base)):
                return StudyFolder(path, variant_name(base.name), judge, answers_in=base)
        model, _, judge = path.name.rpartition("_")
        if model and is_judge_name(judge):
            return StudyFolder(path, variant_name(model), judge, answers_in=path)
    return StudyFolder(path, variant_name(path.name), FIRST_JUDGE, answers_in=path)


def _grades_again(path: Path, base: Path) -> bool:
    """Whether both folders have the same answers. Raises UserError if they differ although `path` names a judge."""
    own, base_answers = answers(path), answers(base)
    if own == base_answers:
        return True
    if not is_judge_name(path.name.rpartition("_")[2]):
        return False
    line = first_difference(own, base_answers)
    problem = f"answer {line} differs from that" if line else f"{len(own)} answers, not the {len(base_answers)}"
    raise UserError(
        f"{path / ANSWERS}: {problem} in {base / ANSWERS}. A folder of another judge must have the same answers."
    )
