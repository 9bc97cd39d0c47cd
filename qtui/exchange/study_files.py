"""Reads the repository of the 2024 study (Northern-System-Service/gpt4-autoeval) in its layout; stores nothing.

`<org>/<model>/` has `preds.jsonl` (one {"pred"} per task), `dataset.jsonl` (the tasks) and, if graded, `result.jsonl` or
`result_take1.jsonl`, … ({"grade", "reason"}). `…-gguf-q4km-hf` is the same model quantized; `…-gguf-q4km-hf-elyza` is that, asked
with another prompt. `…_cmdr+` holds grades of the same answers by another judge and is no variant. Lines are matched by their
number, so every file must have one line per task, and every folder the same tasks; otherwise reading fails before the store is
changed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qtui.errors import UserError
from qtui.exchange.folder_names import FULL_PRECISION, VariantName, is_judge_name, split_judge, variant_name
from qtui.files import input_file, text_decoding
from qtui.records import Task, TaskSet
from qtui.tasks import fields
from qtui.tasks.jsonl import imported_lines, storable
from qtui.tasks.load import recognize
from qtui.tasks.table import Record

FIRST_JUDGE = "gpt-4"
BASELINE_ORDER = (FULL_PRECISION, "F32", "BF16", "F16")
ANSWERS, TASKS = "preds.jsonl", "dataset.jsonl"
_GRADES = re.compile(r"^result(?:_take([1-9]\d*))?\.jsonl$")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GradeLine:
    """`grade` None is ungraded."""

    grade: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Take:
    """One file of grades, a line per task."""

    judge: str
    number: int
    lines: tuple[GradeLine, ...]


@dataclass(frozen=True, slots=True)
class StudyVariant:
    model: str
    name: str
    """Unique in its model: `Q4_K_M`, or with a note on the prompt `Q4_K_M (elyza)`."""
    precision: str
    prompt_note: str
    """What the folder's name says of the prompt; empty if it says nothing."""
    quantized: bool
    is_baseline: bool
    folder: str
    """Relative to the folder that was read."""
    answers: tuple[str, ...]
    takes: tuple[Take, ...]


@dataclass(frozen=True, slots=True)
class Study:
    folder: Path
    task_set: TaskSet
    variants: tuple[StudyVariant, ...]
    notes: tuple[str, ...] = ()
    """Sentences on how files were read, where that is not plain."""

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(variant.model for variant in self.variants))


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder with answers or grades, and its parsed name. `answers_in` is another folder if this one only has grades of those."""

    path: Path
    name: VariantName
    judge: str
    answers_in: Path


def read(top: Path, skip: Sequence[str] = ()) -> Study:
    """The study in `top`, without the folders named in `skip`. Raises UserError naming folder, file, line and key."""
    if not top.is_dir():
        raise UserError(f"{top}: no such folder")
    top = top if top.name else top.resolve()
    folders = [_classify(path) for path in _data_folders(top, skip)]
    with_answers = [folder for folder in folders if folder.answers_in == folder.path]
    if not with_answers:
        raise UserError(f"{top}: no {ANSWERS} below it. Expected <org>/<model>/{ANSWERS} with {TASKS} beside it.")
    tasks, notes = _tasks(folders)
    task_set = TaskSet(_task_set_name(top, skip), tasks, str(top))
    texts = {folder.path: _answers(folder.path, len(task_set.tasks)) for folder in with_answers}
    takes: dict[Path, list[Take]] = {folder.path: [] for folder in with_answers}
    for folder in folders:
        takes[folder.answers_in] += _takes(folder, texts[folder.answers_in])
    notes += tuple(note for folder in folders for note in _encoding_notes(folder.path))
    return Study(top, recognize(task_set), tuple(_variants(with_answers, texts, takes, top)), notes)


def _data_folders(top: Path, skip: Sequence[str]) -> list[Path]:
    """Folders at or below `top` that hold answers or grades, in a stable order."""
    below = sorted(path for path in top.rglob("*") if path.is_dir() and not _left_out(path.relative_to(top), skip))
    return [path for path in (top, *below) if (path / ANSWERS).is_file() or _grade_files(path)]


def _left_out(relative: Path, skip: Sequence[str]) -> bool:
    return str(relative) in skip or any(part.startswith(".") or part in skip for part in relative.parts)


def _grade_files(folder: Path) -> list[tuple[int, Path]]:
    """(take, file) of every file with grades; `result.jsonl` is take 1."""
    return sorted((int(match[1] or 1), path) for path in folder.iterdir() if (match := _GRADES.match(path.name)))


def _classify(path: Path) -> _Folder:
    """The folder with its role. A `_part` is a judge if the folder without it has the same answers, or if it looks like one."""
    has_answers = (path / ANSWERS).is_file()
    parts = split_judge(path.name) if _grade_files(path) else None
    if parts:
        base, judge = path.parent / parts[0], parts[1]
        if (base / ANSWERS).is_file() and (not has_answers or _grades_again(path, base)):
            return _Folder(path, variant_name(base.name), judge, answers_in=base)
        if has_answers and is_judge_name(judge):
            return _Folder(path, variant_name(base.name), judge, answers_in=path)
    if not has_answers:
        raise UserError(f"{path / ANSWERS}: no such file, so the grades in this folder have no answers")
    return _Folder(path, variant_name(path.name), FIRST_JUDGE, answers_in=path)


def _grades_again(path: Path, base: Path) -> bool:
    """Whether both folders have the same answers. Raises UserError if they differ although `path` names a judge."""
    answers, base_answers = (_each(folder / ANSWERS, _answer) for folder in (path, base))
    if answers == base_answers:
        return True
    if not is_judge_name(path.name.rpartition("_")[2]):
        return False
    line = _first_difference(answers, base_answers)
    problem = f"answer {line} differs from that" if line else f"{len(answers)} answers, not the {len(base_answers)}"
    raise UserError(
        f"{path / ANSWERS}: {problem} in {base / ANSWERS}. A folder of another judge must have the same answers."
    )


def _first_difference(lines: Sequence[object], others: Sequence[object]) -> int | None:
    """The number (from 1) of the first line that differs; None if one list is the beginning of the other."""
    return next((i for i, pair in enumerate(zip(lines, others, strict=False), start=1) if pair[0] != pair[1]), None)


def _encoding_notes(folder: Path) -> Iterator[str]:
    """A sentence per file of answers or grades that is not in UTF-8."""
    for file in (folder / ANSWERS, *(path for _, path in _grade_files(folder))):
        if file.is_file():
            yield from text_decoding.decode(input_file.read(file), file).note(file)


def _tasks(folders: Iterable[_Folder]) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The tasks, which are the same in all folders, and how they were read. A folder with grades only need not have them."""
    first: tuple[Path, tuple[Task, ...]] | None = None
    notes: tuple[str, ...] = ()
    for folder in folders:
        file = folder.path / TASKS
        if not file.is_file():
            if folder.answers_in == folder.path:
                raise UserError(f"{file}: no such file, so the tasks of the answers in this folder are unknown")
            continue
        read = fields.read(imported_lines(file))
        tasks = tuple(task for task, _ in read.tasks)
        if not tasks:
            raise UserError(f"{file}: is empty")
        if first is None:
            first, notes = (file, tasks), read.notes
        if tasks != first[1]:
            raise UserError(_difference(file, tasks, *first))
    return first[1] if first else (), notes


def _difference(file: Path, tasks: tuple[Task, ...], first_file: Path, first: tuple[Task, ...]) -> str:
    line = _first_difference(tasks, first)
    problem = f"task {line} differs from that" if line else f"{len(tasks)} tasks, not the {len(first)}"
    return (
        f"{file}: {problem} in {first_file}. An import has one task set:"
        f" leave the folder out with --skip {file.parent.name} and import it separately with --name OTHER."
    )


def _task_set_name(top: Path, skip: Sequence[str]) -> str:
    """The name of a folder that has only tasks, else that of `top`."""
    for file in sorted(top.rglob(TASKS)):
        folder = file.parent
        has_only_tasks = not (folder / ANSWERS).is_file() and not _grade_files(folder)
        if has_only_tasks and folder != top and not _left_out(folder.relative_to(top), skip):
            return folder.name
    return top.name


def _answers(folder: Path, count: int) -> tuple[str, ...]:
    return _counted(folder / ANSWERS, _answer, count)


def _takes(folder: _Folder, texts: tuple[str, ...]) -> list[Take]:
    files = _grade_files(folder.path)
    duplicates = [take for take, times in Counter(take for take, _ in files).items() if times > 1]
    if duplicates:
        raise UserError(f"{folder.path}: has result.jsonl and result_take1.jsonl, which are both take 1. Remove one.")
    return [Take(folder.judge, number, _counted(path, _grade, len(texts))) for number, path in files]


def _counted(file: Path, read_one: Callable[[Record], T], count: int) -> tuple[T, ...]:
    lines = _each(file, read_one)
    if len(lines) != count:
        raise UserError(f"{file}: {len(lines)} lines for {count} tasks")
    return tuple(lines)


def _each(file: Path, read_one: Callable[[Record], T]) -> list[T]:
    return [read_one(record) for record in imported_lines(file).records]


def _answer(record: Record) -> str:
    if "pred" not in record.values:
        raise record.missing("pred")
    text = record.values["pred"]
    if not isinstance(text, str):
        raise record.wrong_type("pred", "text")
    return storable(text)


def _grade(record: Record) -> GradeLine:
    """A grade of 1–5, a number or a digit as text (judges wrote both); null is ungraded."""
    if "grade" not in record.values:
        raise record.missing("grade")
    value, reason = record.values["grade"], record.values.get("reason")
    if isinstance(value, str) and value.strip() in ("1", "2", "3", "4", "5"):
        value = int(value)
    if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
        raise record.wrong_type("grade", "1 to 5")
    return GradeLine(None if value is None else int(value), storable(reason) if isinstance(reason, str) else "")


def _variants(
    folders: Sequence[_Folder], texts: dict[Path, tuple[str, ...]], takes: dict[Path, list[Take]], top: Path
) -> list[StudyVariant]:
    """The variants by model, the baseline first. Models of one name from several organisations get `organisation/` in front."""
    organisations: dict[str, set[str]] = {}
    for folder in folders:
        organisations.setdefault(folder.name.model, set()).add(folder.path.parent.name)
    by_model = []
    for folder in folders:
        has_shared_name = len(organisations[folder.name.model]) > 1
        model = f"{folder.path.parent.name}/{folder.name.model}" if has_shared_name else folder.name.model
        by_model.append((model, folder))
    _check_unique(by_model)
    baselines = {model: _baseline([folder for other, folder in by_model if other == model]) for model, _ in by_model}
    result = [
        StudyVariant(
            model=model,
            name=folder.name.variant,
            precision=folder.name.precision,
            prompt_note=folder.name.note,
            quantized=folder.name.quantized,
            is_baseline=folder is baselines[model],
            folder=str(folder.path.relative_to(top)),
            answers=texts[folder.path],
            takes=tuple(sorted(takes[folder.path], key=lambda take: (take.judge, take.number))),
        )
        for model, folder in by_model
    ]
    order = {model: index for index, model in enumerate(baselines)}
    return sorted(result, key=lambda v: (order[v.model], not v.is_baseline, v.name))


def _baseline(folders: Sequence[_Folder]) -> _Folder | None:
    """The folder of a model that the others are compared with, one without a note on its prompt before one with."""
    whole = [folder for folder in folders if folder.name.precision in BASELINE_ORDER]
    return min(whole, key=lambda f: (BASELINE_ORDER.index(f.name.precision), f.name.note), default=None)


def _check_unique(folders: Sequence[tuple[str, _Folder]]) -> None:
    """Raises UserError if two folders hold the same variant of the same model."""
    by_variant: dict[tuple[str, str], Path] = {}
    for model, folder in folders:
        other = by_variant.setdefault((model, folder.name.variant), folder.path)
        if other != folder.path:
            raise UserError(
                f"{folder.path}: is {folder.name.variant} of {model}, and so is {other}."
                f" Leave one out with --skip {folder.path.name}."
            )
