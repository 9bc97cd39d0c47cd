"""The scorers of an experiment: their names, task sets and settings; of `qtui score`, those of a file of their own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui import scorers
from qtui.errors import UserError
from qtui.experiment.problems import Problems
from qtui.experiment.wrong_values import explain
from qtui.files import input_file, named_path, toml_text
from qtui.records import ScorerSpec, TaskSet

if TYPE_CHECKING:
    from qtui.experiment.form import ScorerForm

COMMON = ("kind", "name", "margin", "subsets", "on")
"""The keys of every scorer; all others are settings of its kind."""


def specs(forms: "Sequence[ScorerForm]", base: Path, task_set: TaskSet, problems: Problems) -> tuple[ScorerSpec, ...]:
    """Return the scorers of the forms. Their files are read; every problem is added."""
    found = tuple(_spec(form, i, base, problems) for i, form in enumerate(forms))
    subsets = list(dict.fromkeys(task.subset for task in task_set.tasks))
    for i, spec in enumerate(found):
        if spec.label in [other.label for other in found[:i]]:
            problems.add(("scorers", i), f"repeats the name {spec.label}. Give each scorer a name of its own.")
        for subset in spec.subsets:
            if subset not in subsets:
                known = ", ".join(filter(None, subsets)) or "the experiment has only one, without a name"
                problems.add(("scorers", i, "subsets"), f'no task set is named "{subset}" (task sets: {known}).')
    return found


def of_task_sets(named: Sequence[ScorerSpec], task_set: TaskSet) -> tuple[tuple[ScorerSpec, ...], list[str]]:
    """Return the scorers that the task sets bring along, and sentences on those that cannot be used.

    A set has none where the experiment names a scorer for its answers. Sets with the same scorer share it.
    """
    several = len({task.subset for task in task_set.tasks}) > 1
    sets_of: dict[str, tuple[dict[str, Any], list[str]]] = {}
    notes = []
    for facts in task_set.facts:
        if not facts.scorer or any(not spec.subsets or facts.name in spec.subsets for spec in named):
            continue
        if problems := scorers.setting_problems(_of_set(facts.scorer, "", ())):
            notes.append(f"The answers of {facts.name} are not scored by the set's own scorer: {problems[0][1]}")
            continue
        known = json.dumps(facts.scorer, sort_keys=True)
        sets_of.setdefault(known, (facts.scorer, []))[1].append(facts.name)
    labels = [spec.label for spec in named]
    found = []
    for scorer, names in sets_of.values():
        is_repeated = [str(each["kind"]) for each, _ in sets_of.values()].count(str(scorer["kind"])) > 1
        name = f"{scorer['kind']} ({', '.join(names)})" if is_repeated or scorer["kind"] in labels else ""
        found.append(_of_set(scorer, name, tuple(names) if several else ()))
    return tuple(found), notes


def _of_set(scorer: Mapping[str, Any], name: str, subsets: tuple[str, ...]) -> ScorerSpec:
    settings = {key: value for key, value in scorer.items() if key != "kind"}
    return ScorerSpec(scorer["kind"], name, subsets=subsets, settings=settings)


def load(path: Path, task_set: TaskSet) -> tuple[ScorerSpec, ...]:
    """Return the scorers in the [[scorers]] tables of a TOML file, an experiment's or one of its own.

    Raises UserError with all problems, one per line.
    """
    try:
        text = input_file.read_any_text(path).text
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from None
    table = toml_text.parse(text, path)
    tables = table.get("scorers")
    if not isinstance(tables, list) or not tables:
        raise UserError(f"{path}: has no scorers: each is a table under [[scorers]] with a kind.")
    problems = Problems(text, path)
    forms = [form for i, each in enumerate(tables) if (form := _form(each, i, problems)) is not None]
    problems.raise_any()
    found = specs(forms, path.absolute().parent, task_set, problems)
    problems.raise_any()
    return found


def _form(table: Any, index: int, problems: Problems) -> "ScorerForm | None":
    from pydantic import ValidationError

    from qtui.experiment.form import KEYS, ScorerForm

    if not isinstance(table, dict):
        problems.add(("scorers", index), "is no table: each scorer is a table under [[scorers]].")
        return None
    try:
        return ScorerForm.model_validate(table, strict=True)
    except ValidationError as error:
        for place, message in explain(error, table, {"": KEYS["scorers"]}):
            problems.add(("scorers", index, *place), message)
    return None


def _spec(form: "ScorerForm", index: int, base: Path, problems: Problems) -> ScorerSpec:
    place = ("scorers", index)
    values = form.model_dump(exclude_none=True)
    settings = {name: value for name, value in values.items() if name not in COMMON}
    if "schema_file" in settings:
        settings["schema"] = _text(base, settings.pop("schema_file"), place, problems)
    if len(settings.get("labels", ())) == 1:
        settings["labels"] = settings["labels"][0]
    if "command" in settings:
        settings["command"] = list(settings["command"])
    spec = ScorerSpec(form.kind, form.name.strip(), form.margin, form.subsets, form.on, settings)
    for name, problem in scorers.setting_problems(spec):
        problems.add((*place, "schema_file" if name == "schema" else name), problem)
    return spec


def _text(base: Path, name: str, place: tuple[str, int], problems: Problems) -> str:
    path = base / named_path.expanded(name)
    try:
        return input_file.read_any_text(path).text
    except UserError as error:
        problems.add((*place, "schema_file"), str(error))
    except OSError:
        problems.add((*place, "schema_file"), f"{path}: no such file.")
    return ""
