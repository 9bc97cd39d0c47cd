"""`qtui import FORMAT PATH`: answers and grades that another program made, into the store."""

import json
from pathlib import Path
from typing import Any

import click

from qtui.cli.options import json_option, store_option
from qtui.exchange import gpt4_autoeval
from qtui.exchange.gpt4_autoeval import Imported, Study
from qtui.format import count
from qtui.store import open_store
from qtui.text import safe


@click.group(name="import")
def import_() -> None:
    """Read answers and grades that another program made."""


@import_.command(name="gpt4-autoeval")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default=gpt4_autoeval.NAME, show_default=True, help="Name of the experiment in the store.")
@click.option("--skip", multiple=True, metavar="FOLDER", help="A folder's name to leave out (several times if needed).")
@json_option
@store_option
def import_gpt4_autoeval(path: Path, name: str, skip: tuple[str, ...], as_json: bool, store: Path) -> None:
    """Read the repository of the 2024 study: PATH is its assets folder, or any folder in it.

    Answers, tasks and grades are paired by line number. Importing again changes nothing.
    """
    study = gpt4_autoeval.read(path, skip)
    opened = open_store(store)
    try:
        imported = gpt4_autoeval.write(opened, study, name)
    finally:
        opened.close()
    summary = _summary(study, imported, name)
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else _told(study, imported, name))


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
        "kept_grades": imported.kept,
    }


def _told(study: Study, imported: Imported, name: str) -> str:
    tasks = len(study.task_set.tasks)
    lines = [
        f"{count(len(study.variants), 'variant')} of {count(len(study.models), 'model')},"
        f" {count(tasks, 'task')} ({safe(study.task_set.name)}),"
        f" {count(len(study.variants) * tasks, 'answer')}, {count(_grade_count(study), 'grade')}",
        *_model_lines(study),
        f"Run {imported.run_id} of experiment {safe(name)}:"
        f" {count(imported.new_answers, 'new answer')}, {count(imported.new_grades, 'new grade')}",
    ]
    if imported.kept:
        lines.append(f"{imported.kept} grades differ from those imported before; the store keeps the earlier ones.")
    return "\n".join(lines)


def _model_lines(study: Study) -> list[str]:
    lines = []
    for model in study.models:
        own = [variant for variant in study.variants if variant.model == model]
        told = f"  {_name(model)}: {', '.join(_name(variant.name) for variant in own)}"
        if not any(variant.is_baseline for variant in own):
            told += " (no baseline: nothing to compare with)"
        graded = [
            f"{_name(variant.name)} by {_name(judge)}, {count(takes, 'take')}"
            for variant in own
            for judge, takes in _takes_by_judge(study, variant.model, variant.name)
        ]
        lines.append(told + (f"; graded: {'; '.join(graded)}" if graded else ""))
    return lines


def _name(text: str) -> str:
    """On one line: a folder's name may have several."""
    return safe(text).replace("\n", " ")


def _takes_by_judge(study: Study, model: str, name: str) -> list[tuple[str, int]]:
    takes = [
        take for variant in study.variants if (variant.model, variant.name) == (model, name) for take in variant.takes
    ]
    return [(judge, sum(take.judge == judge for take in takes)) for judge in sorted({take.judge for take in takes})]


def _grade_count(study: Study) -> int:
    return sum(len(take.lines) for variant in study.variants for take in variant.takes)
