"""`qtui import FORMAT PATH`: import answers and grades from another program into the store."""

from pathlib import Path
from typing import Any

import click

from qtui.cli.options import json_option, store_option
from qtui.cli.page import print_json
from qtui.exchange import gpt4_autoeval
from qtui.exchange.gpt4_autoeval import Imported, Study
from qtui.format import count
from qtui.store import open_store
from qtui.text import safe


@click.group(name="import")
def import_() -> None:
    """Import answers and grades from another program."""


@import_.command(name="gpt4-autoeval")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default=gpt4_autoeval.NAME, show_default=True, help="Name of the experiment in the store.")
@click.option("--skip", multiple=True, metavar="FOLDER", help="Leave out this folder (may be given several times).")
@json_option
@store_option
def import_gpt4_autoeval(path: Path, name: str, skip: tuple[str, ...], as_json: bool, store: Path) -> None:
    """Import the repository of the 2024 study. PATH is its assets folder, or any folder in it.

    Answers, tasks and grades are matched by line number. The study is what most folders have as tasks; what is left out is named
    with its reason. Importing the same files again changes nothing.
    """
    study = gpt4_autoeval.read(path, skip)
    opened = open_store(store)
    try:
        imported = gpt4_autoeval.write(opened, study, name)
    finally:
        opened.close()
    summary = _summary(study, imported, name)
    if as_json:
        print_json(summary, indent=None)
    else:
        click.echo(_in_words(study, imported, name))


def _summary(study: Study, imported: Imported, name: str) -> dict[str, Any]:
    return {
        "experiment": name,
        "run": imported.run_id,
        "task_set": study.task_set.name,
        "tasks": len(study.task_set.tasks),
        "variants": [
            {
                "model": variant.model,
                "variant": variant.name,
                "baseline": variant.is_baseline,
                "answers": len(variant.answers),
                "grades": sum(len(take.lines) for take in variant.takes),
                "judges": sorted({take.judge for take in variant.takes}),
            }
            for variant in study.variants
        ],
        "new_answers": imported.new_answers,
        "new_grades": imported.new_grades,
        "differing_grades": imported.differing_grades,
        "left_out": [{"folder": each.folder, "reason": each.reason} for each in study.left_out],
        "notes": list(study.notes),
    }


def _in_words(study: Study, imported: Imported, name: str) -> str:
    tasks = len(study.task_set.tasks)
    lines = [
        f"{count(len(study.variants), 'variant')} of {count(len(study.models), 'model')},"
        f" {count(tasks, 'task')} ({safe(study.task_set.name)}),"
        f" {count(len(study.variants) * tasks, 'answer')}, {count(_grade_count(study), 'grade')}",
        *_model_lines(study),
        f"Run {imported.run_id} of experiment {safe(name)}:"
        f" {count(imported.new_answers, 'new answer')}, {count(imported.new_grades, 'new grade')}",
    ]
    if imported.differing_grades:
        lines.append(
            f"Grades that differ from an earlier import: {imported.differing_grades}. The store keeps the earlier ones."
        )
    lines += [f"Left out {_name(str(each))}." for each in study.left_out]
    return "\n".join([*lines, *(f"note: {_name(note)}" for note in study.notes)])


def _model_lines(study: Study) -> list[str]:
    lines = []
    for model in study.models:
        variants = [variant for variant in study.variants if variant.model == model]
        line = f"  {_name(model)}: {', '.join(_name(variant.name) for variant in variants)}"
        if not any(variant.is_baseline for variant in variants):
            line += " (no baseline: nothing to compare with)"
        graded = [
            f"{_name(variant.name)} by {_name(judge)}, {count(takes, 'take')}"
            for variant in variants
            for judge, takes in _takes_by_judge(study, variant.model, variant.name)
        ]
        lines.append(line + (f"; graded: {'; '.join(graded)}" if graded else ""))
    return lines


def _name(text: str) -> str:
    """A name made safe and put on one line; the name of a folder may contain line breaks."""
    return safe(text).replace("\n", " ")


def _takes_by_judge(study: Study, model: str, name: str) -> list[tuple[str, int]]:
    takes = [
        take for variant in study.variants if (variant.model, variant.name) == (model, name) for take in variant.takes
    ]
    return [(judge, sum(take.judge == judge for take in takes)) for judge in sorted({take.judge for take in takes})]


def _grade_count(study: Study) -> int:
    return sum(len(take.lines) for variant in study.variants for take in variant.takes)
