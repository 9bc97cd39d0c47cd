"""Import of the 2024 study (see `study_files` for its layout) as one run of an experiment.

An import has no engine and no settings to hash, so keys are hashes of the content: the same files give the same rows, and a
changed answer is a new answer. Facts that the files do not contain (prompt, sampling, finish reason) are stored as unknown.
"""

from dataclasses import dataclass
from typing import Any

from qtui.exchange.study_files import Study, StudyVariant, Take, read
from qtui.files.text_decoding import storable
from qtui.records import UNKNOWN, Answer, Grade, Thoughts, content_hash
from qtui.store import Store, answers, grades, new_runs, runs
from qtui.thinking import split

__all__ = ["NAME", "Imported", "Study", "read", "write"]

NAME = "gpt4-autoeval"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added. `differing_grades` have another value in the store, which keeps its value."""

    run_id: int
    new_answers: int
    new_grades: int
    differing_grades: int


def write(store: Store, study: Study, name: str = NAME) -> Imported:
    """Store a study as one run of the experiment `name`. A second call with the same files changes nothing."""
    run_id = new_runs.add(store, _new_run(study, name))
    summary = runs.summaries(store, [run_id])[0]
    variant_ids = {(v.model, v.name): v.id for v in summary.variants}
    task_ids = [task_id for task_id, _ in runs.tasks(store, run_id)]
    links, by_variant = [], {}
    for variant in study.variants:
        key = (variant.model, variant.name)
        by_variant[key] = _answers(study, variant)
        places = (answers.Link(variant_ids[key], task_id, 0) for task_id in task_ids)
        links += list(zip(places, by_variant[key], strict=True))
    new_answers = answers.commit_many(store, links)
    new_grades, differing_grades = _write_grades(store, run_id, study, by_variant)
    for progress in summary.variants:
        if progress.state != "done":
            runs.set_variant(store, progress.id, state="done")
    for judge in summary.judges:
        if judge.state != "done":
            runs.set_judge(store, judge.id, "done")
    return Imported(run_id, new_answers, new_grades, differing_grades)


def _new_run(study: Study, name: str) -> new_runs.NewRun:
    """The run to add. Its plan covers tasks and answers, not grades, so that grades imported later join the same run."""
    contents = [[v.model, v.name, v.answers] for v in study.variants]
    return new_runs.NewRun(
        experiment=name,
        plan=content_hash("import", NAME, study.task_set.hash, contents),
        definition=_definition(study),
        source="import",
        origin=storable(str(study.folder.absolute())),
        task_set=study.task_set,
        variants=[_new_variant(study, variant) for variant in study.variants],
        judges=_new_judges(study),
    )


def _definition(study: Study) -> str:
    left_out = [f"Left out {each}." for each in study.left_out]
    return "\n".join([f"Imported by `qtui import {NAME}` from {storable(str(study.folder))}", *left_out])


def _new_variant(study: Study, variant: StudyVariant) -> new_runs.NewVariant:
    return new_runs.NewVariant(
        model=variant.model,
        name=variant.name,
        is_baseline=variant.is_baseline,
        engine="llama.cpp" if variant.quantized else "transformers",
        precision=variant.precision,
        weights=variant.folder,
        expected=len(study.task_set.tasks),
        conditions={"prompt": variant.prompt_note or UNKNOWN, "sampling": UNKNOWN, "task_set": study.task_set.hash},
    )


def _new_judges(study: Study) -> list[new_runs.NewJudge]:
    takes: dict[str, int] = {}
    for variant in study.variants:
        for take in variant.takes:
            takes[take.judge] = max(takes.get(take.judge, 0), take.number)
    settings: dict[str, Any] = {"imported_from": NAME, "prompt": UNKNOWN}
    return [new_runs.NewJudge(judge, count, _fingerprint(judge), settings) for judge, count in sorted(takes.items())]


def _fingerprint(judge: str) -> str:
    return content_hash("import", NAME, judge)


def _answers(study: Study, variant: StudyVariant) -> list[Answer]:
    """The answers of a variant, in the order of the tasks.

    The position is part of the key, because a task set may contain a task twice, each with its own grades.
    """
    pairs = zip(study.task_set.tasks, variant.answers, strict=True)
    return [
        _answer(content_hash("import", NAME, variant.model, variant.name, position, task.hash, text), text)
        for position, (task, text) in enumerate(pairs, start=1)
    ]


def _answer(key: str, text: str) -> Answer:
    """An answer without its thoughts. Its grades stay as they were given."""
    found = split(text)
    if not found.has_markup:
        return Answer(key, text, "unknown")
    thoughts = Thoughts(found.thinking, text, is_unfinished=found.is_unfinished)
    return Answer(key, found.answer, "unknown", thoughts=thoughts)


def _write_grades(
    store: Store, run_id: int, study: Study, by_variant: dict[tuple[str, str], list[Answer]]
) -> tuple[int, int]:
    """Store the grades. Returns (number of new grades, number of grades that have another value in the store)."""
    places = grades.places(store, run_id)
    graded = [
        (places[answer.key, position], _grade(take, position, answer.key, study))
        for variant in study.variants
        for take in variant.takes
        for position, answer in enumerate(by_variant[variant.model, variant.name], start=1)
    ]
    stored = grades.values_by_key(store, [grade.key for _, grade in graded])
    missing = [(place, grade) for place, grade in graded if stored.get(grade.key) is None]
    grades.commit(store, [pair for pair in missing if pair[1].grade is not None or pair[1].key not in stored])
    new = sum(grade.key not in stored for _, grade in graded)
    differing = sum(stored.get(grade.key) not in (None, grade.grade) for _, grade in graded)
    return new, differing


def _grade(take: Take, position: int, answer_key: str, study: Study) -> Grade:
    line, fingerprint = take.lines[position - 1], _fingerprint(take.judge)
    key = grades.key(answer_key, study.task_set.tasks[position - 1].hash, take.judge, fingerprint, take.number)
    return Grade(key, take.judge, take.number, line.grade, line.reason, fingerprint)
