"""Import of the 2024 study (see `study_files` for its layout) as one run of an experiment.

An import has no engine and no settings to hash, so a key is the content itself: the same files again are the same rows, and a
changed answer is another answer. What the files do not say (prompt, sampling, finish reason) is stored as unknown.
"""

from dataclasses import dataclass
from typing import Any

from qtui.exchange.study_files import Study, StudyVariant, Take, read
from qtui.records import Answer, Grade, content_hash
from qtui.store import Store, answers, grades, runs

__all__ = ["NAME", "Imported", "Study", "read", "write"]

NAME = "gpt4-autoeval"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added. `kept` are grades that the store already has with another value: it keeps its own."""

    run_id: int
    new_answers: int
    new_grades: int
    kept: int


def write(store: Store, study: Study, name: str = NAME) -> Imported:
    """Store a study as one run of the experiment `name`. Again with the same files changes nothing."""
    run_id = runs.add(store, _new_run(study, name))
    summary = runs.summaries(store, [run_id])[0]
    variant_ids = {(v.model, v.name): v.id for v in summary.variants}
    task_ids = [task_id for task_id, _ in runs.tasks(store, run_id)]
    links, keyed = [], {}
    for variant in study.variants:
        who = (variant.model, variant.name)
        keyed[who] = _answers(study, variant)
        places = (answers.Link(variant_ids[who], task_id, 0) for task_id in task_ids)
        links += list(zip(places, keyed[who], strict=True))
    new_answers = answers.commit_many(store, links)
    new_grades, kept = _write_grades(store, run_id, study, keyed)
    for progress in summary.variants:
        if progress.state != "done":
            runs.set_variant(store, progress.id, state="done")
    for judge in summary.judges:
        if judge.state != "done":
            runs.set_judge(store, judge.id, "done")
    return Imported(run_id, new_answers, new_grades, kept)


def _new_run(study: Study, name: str) -> runs.NewRun:
    """The plan covers tasks and answers, not grades: a judge that comes later joins the same run."""
    contents = [[v.model, v.name, v.answers] for v in study.variants]
    return runs.NewRun(
        experiment=name,
        plan=content_hash("import", NAME, study.task_set.hash, contents),
        definition=f"Imported by `qtui import {NAME}` from {study.folder}",
        source="import",
        origin=str(study.folder.absolute()),
        task_set=study.task_set,
        variants=[_new_variant(study, variant) for variant in study.variants],
        judges=_new_judges(study),
    )


def _new_variant(study: Study, variant: StudyVariant) -> runs.NewVariant:
    return runs.NewVariant(
        model=variant.model,
        name=variant.name,
        is_baseline=variant.is_baseline,
        engine="llama.cpp" if variant.quantized else "transformers",
        precision=variant.name,
        weights=variant.folder,
        expected=len(study.task_set.tasks),
        conditions={"prompt": UNKNOWN, "sampling": UNKNOWN, "task_set": study.task_set.hash},
    )


def _new_judges(study: Study) -> list[runs.NewJudge]:
    takes: dict[str, int] = {}
    for variant in study.variants:
        for take in variant.takes:
            takes[take.judge] = max(takes.get(take.judge, 0), take.number)
    settings: dict[str, Any] = {"imported_from": NAME, "prompt": UNKNOWN}
    return [runs.NewJudge(judge, count, _fingerprint(judge), settings) for judge, count in sorted(takes.items())]


def _fingerprint(judge: str) -> str:
    return content_hash("import", NAME, judge)


def _answers(study: Study, variant: StudyVariant) -> list[Answer]:
    """The position is part of the key: a set may hold a task twice, and each has its own grades."""
    pairs = zip(study.task_set.tasks, variant.answers, strict=True)
    return [
        Answer(content_hash("import", NAME, variant.model, variant.name, position, task.hash, text), text, "unknown")
        for position, (task, text) in enumerate(pairs, start=1)
    ]


def _write_grades(
    store: Store, run_id: int, study: Study, keyed: dict[tuple[str, str], list[Answer]]
) -> tuple[int, int]:
    """(grades that are new, grades that the store has with another value)."""
    places = grades.places(store, run_id)
    graded = [
        (places[answer.key, position], _grade(take, position, answer.key, study))
        for variant in study.variants
        for take in variant.takes
        for position, answer in enumerate(keyed[variant.model, variant.name], start=1)
    ]
    known = grades.values_by_key(store, [grade.key for _, grade in graded])
    missing = [(place, grade) for place, grade in graded if known.get(grade.key) is None]
    grades.commit(store, [pair for pair in missing if pair[1].grade is not None or pair[1].key not in known])
    new = sum(grade.key not in known for _, grade in graded)
    kept = sum(known.get(grade.key) not in (None, grade.grade) for _, grade in graded)
    return new, kept


def _grade(take: Take, position: int, answer_key: str, study: Study) -> Grade:
    line, fingerprint = take.lines[position - 1], _fingerprint(take.judge)
    key = grades.key(answer_key, study.task_set.tasks[position - 1].hash, take.judge, fingerprint, take.number)
    return Grade(key, take.judge, take.number, line.grade, line.reason, fingerprint)
