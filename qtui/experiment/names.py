"""The names in an experiment: of the experiment, its models, variants, files and addresses.

A name is shown in tables and logs, so it is one line of characters that can be seen. A path or an address that cannot be one is
found here, before anything looks for it.
"""

import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qtui.endpoints import endpoint
from qtui.files import named_path

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm

LONGEST = 200
"""Characters of a name. The longest of the 2024 study has 45."""

Location = tuple[str | int, ...]
Problem = Callable[[Location, str], None]


def check(form: "ExperimentForm", problem: Problem) -> None:
    """Call `problem` for every name that cannot be one."""
    for place, name in _names(form):
        if message := _name_problem(name):
            problem(place, message)
    for place, text in _paths(form):
        if message := named_path.problem(text):
            problem(place, message)
    for place, address in _addresses(form):
        if message := endpoint.form_problem(address):
            problem(place, message)


def _name_problem(name: str) -> str | None:
    if not name.strip():
        return "is blank: it needs a name that can be seen."
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs", "Cn", "Co") or _turns_text(each) for each in name):
        return "has a control character or a line break, which a name cannot have."
    return f"has {len(name):,} characters; a name has at most {LONGEST}." if len(name) > LONGEST else None


def _turns_text(character: str) -> bool:
    """Whether a character changes the direction of what follows, so that a name looks like another."""
    return "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"


def _names(form: "ExperimentForm") -> Iterator[tuple[Location, str]]:
    yield ("name",), form.name
    for number, model in enumerate(form.models):
        yield ("models", number, "name"), model.name
        for position, variant in enumerate(model.variants):
            yield ("models", number, "variants", position, "name"), variant.name
    for number, judge in enumerate(form.judges):
        if judge.model:
            yield ("judges", number, "model"), judge.model
    for number, scorer in enumerate(form.scorers):
        if scorer.name:
            yield ("scorers", number, "name"), scorer.name


def _paths(form: "ExperimentForm") -> Iterator[tuple[Location, str]]:
    if form.tasks is not None:
        yield from ((("tasks",), source) for source in form.tasks.source)
    for number, task_set in enumerate(form.task_sets):
        yield from ((("task_sets", number, "source"), source) for source in task_set.source)
    for number, model in enumerate(form.models):
        if model.prompt is not None:
            yield ("models", number, "prompt"), model.prompt
        for position, variant in enumerate(model.variants):
            place = ("models", number, "variants", position)
            yield (*place, "weights"), variant.weights
            if variant.imatrix is not None:
                yield (*place, "imatrix"), variant.imatrix
    for number, judge in enumerate(form.judges):
        if judge.prompt is not None:
            yield ("judges", number, "prompt"), judge.prompt
    for number, scorer in enumerate(form.scorers):
        if scorer.schema_file is not None:
            yield ("scorers", number, "schema_file"), scorer.schema_file


def _addresses(form: "ExperimentForm") -> Iterator[tuple[Location, str]]:
    for number, model in enumerate(form.models):
        for position, variant in enumerate(model.variants):
            if variant.base_url:
                yield ("models", number, "variants", position, "base_url"), variant.base_url
    for number, judge in enumerate(form.judges):
        if judge.base_url is not None:
            yield ("judges", number, "base_url"), judge.base_url
