"""Reads the repository of the 2024 study (Northern-System-Service/gpt4-autoeval) in its layout; stores nothing.

`<org>/<model>/` has `preds.jsonl` (one {"pred"} per task), `dataset.jsonl` (the tasks) and, if graded, `result.jsonl` or
`result_take1.jsonl`, … ({"grade", "reason"}). `…-gguf-q4km-hf` is the same model quantized; `…-gguf-q4km-hf-elyza` is that, asked
with another prompt. `…_cmdr+` or `…-gpt3.5` holds grades of the same answers by another judge and is no variant. Lines are matched
by their number, so every file of the study must have one line per task; otherwise reading fails before the store is changed. Which
folders are the study, and what is left out, is decided in `study_folders`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qtui.errors import UserError
from qtui.exchange.folder_names import FULL_PRECISION
from qtui.exchange.study_folders import LeftOut, StudyFolder, find
from qtui.exchange.study_lines import ANSWERS, GradeLine, counted_answers, counted_grades, grade_files
from qtui.files import input_file, text_decoding
from qtui.records import TaskSet

BASELINE_ORDER = (FULL_PRECISION, "F32", "BF16", "F16")


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
    left_out: tuple[LeftOut, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(variant.model for variant in self.variants))


def read(top: Path, skip: Sequence[str] = ()) -> Study:
    """The study in `top`, without the folders named in `skip`. Raises UserError naming folder, file, line and key."""
    if not top.is_dir():
        raise UserError(f"{top}: no such folder")
    top = top if top.name else top.resolve()
    found = find(top, skip)
    folders, count = found.folders, len(found.task_set.tasks)
    with_answers = [folder for folder in folders if folder.answers_in == folder.path]
    texts = {folder.path: counted_answers(folder.path, count) for folder in with_answers}
    takes: dict[Path, list[Take]] = {folder.path: [] for folder in with_answers}
    for folder in folders:
        takes[folder.answers_in] += _takes(folder, count)
    notes = (*found.notes, *(note for folder in folders for note in _encoding_notes(folder.path)))
    return Study(top, found.task_set, tuple(_variants(with_answers, texts, takes, top)), notes, found.left_out)


def _encoding_notes(folder: Path) -> Iterator[str]:
    """A sentence per file of answers or grades that is not in UTF-8."""
    for file in (folder / ANSWERS, *(path for _, path in grade_files(folder))):
        if file.is_file():
            yield from text_decoding.decode(input_file.read(file), file).note(file)


def _takes(folder: StudyFolder, count: int) -> list[Take]:
    files = grade_files(folder.path)
    duplicates = [take for take, times in Counter(take for take, _ in files).items() if times > 1]
    if duplicates:
        raise UserError(f"{folder.path}: has result.jsonl and result_take1.jsonl, which are both take 1. Remove one.")
    return [Take(folder.judge, number, counted_grades(path, count)) for number, path in files]


def _variants(
    folders: Sequence[StudyFolder], texts: dict[Path, tuple[str, ...]], takes: dict[Path, list[Take]], top: Path
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


def _baseline(folders: Sequence[StudyFolder]) -> StudyFolder | None:
    """The folder of a model that the others are compared with, one without a note on its prompt before one with."""
    whole = [folder for folder in folders if folder.name.precision in BASELINE_ORDER]
    return min(whole, key=lambda f: (BASELINE_ORDER.index(f.name.precision), f.name.note), default=None)


def _check_unique(folders: Sequence[tuple[str, StudyFolder]]) -> None:
    """Raises UserError if two folders hold the same variant of the same model."""
    by_variant: dict[tuple[str, str], Path] = {}
    for model, folder in folders:
        other = by_variant.setdefault((model, folder.name.variant), folder.path)
        if other != folder.path:
            raise UserError(
                f"{folder.path}: is {folder.name.variant} of {model}, and so is {other}."
                f" Leave one out with --skip {folder.path.name}."
            )
