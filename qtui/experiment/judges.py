"""The judges of an experiment: their scales and prompt templates, and the variables with their keys."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.experiment import judge_scale
from qtui.experiment.problems import Problems, dotted
from qtui.experiment.wrong_values import explain
from qtui.files import input_file, named_path, toml_text
from qtui.judge_prompts import (
    OWN_PAIRWISE_PROMPTS,
    OWN_PROMPTS,
    PAIRWISE_SLOTS,
    SLOTS,
    own_pairwise_template,
    own_template,
    read_template,
)
from qtui.records import WIN_RATE_MARGIN, JudgeSpec, Scale

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, JudgeForm


OF_PROMPT = frozenset(("prompt", "slots", "scale", "temperature", "margin"))
"""Keys whose values are not those of the record."""


def spec(form: "JudgeForm", index: int, base: Path, problems: Problems, *, is_from_store: bool = False) -> JudgeSpec:
    """The judge of a form, with the text of its prompt template in qtui's form.

    The template of a run that is in the store is not refused for what an older qtui accepted.
    """
    place = ("judges", index)
    scale = judge_scale.scale(form.scale, lambda message: problems.add((*place, "scale"), message))
    for problem in endpoint.unset_variables(form.base_url or ""):
        problems.add((*place, "base_url"), problem)
    if form.kind == "openai" and not form.model:
        problems.add((*place, "model"), "an openai judge needs the name of its model.")
    if form.batch and form.kind != "openai":
        problems.add((*place, "batch"), f"a {form.kind} judge asks no endpoint, so that there are no batches.")
    _check_pairwise(form, place, problems)
    is_own = form.prompt in (*OWN_PROMPTS, *OWN_PAIRWISE_PROMPTS)
    if form.slots is not None and (form.prompt is None or is_own):
        problems.add((*place, "slots"), "says what the placeholders of a file are, but prompt names no file.")
    template = None
    if form.prompt is not None and is_own:
        template = own_prompt(form.prompt, scale, lambda message: problems.add((*place, "prompt"), message),
                              is_pairwise=form.pairwise)  # fmt: skip
    elif form.prompt is not None:
        template = _template(form, place, base, problems, is_from_store=is_from_store)
    return JudgeSpec(prompt=template, **_values(form, scale))


def own_prompt(name: str, scale: Scale, problem: Callable[[str], None], *, is_pairwise: bool) -> str | None:
    """Return the text of qtui's own prompt of this name; None after a problem: it is of the other kind."""
    if is_pairwise and name in OWN_PROMPTS:
        problem(
            f'"{name}" asks for a grade. Prompts that compare two answers are {" and ".join(OWN_PAIRWISE_PROMPTS)}.'
        )
        return None
    if not is_pairwise and name in OWN_PAIRWISE_PROMPTS:
        problem(f'"{name}" compares two answers: it is for judges with pairwise = true.')
        return None
    return own_pairwise_template(name) if is_pairwise else own_template(scale, name)


def _check_pairwise(form: "JudgeForm", place: tuple[str | int, ...], problems: Problems) -> None:
    """Report keys that do not go with comparing, or that only go with it."""
    if form.pairwise and form.kind != "openai":
        problems.add(
            (*place, "pairwise"), f"a {form.kind} judge grades single answers; only an openai judge compares two."
        )
    if form.pairwise and form.scale is not None:
        problems.add((*place, "scale"), "a judge that compares two answers gives no grades, so that it has no scale.")
    if not form.pairwise and form.margin is not None:
        problems.add(
            (*place, "margin"),
            "is the margin of a win rate, of a judge with pairwise = true. That of grades is `margin` in config.toml.",
        )
    known = PAIRWISE_SLOTS if form.pairwise else SLOTS
    for slot in form.slots.model_fields_set - {"text"} - set(known) if form.slots else ():
        shows = "two answers are shown" if form.pairwise else "one answer is graded"
        problems.add((*place, "slots", slot), f"is no slot of a prompt in which {shows} (slots: {', '.join(known)}).")


def _values(form: "JudgeForm", scale: Scale) -> dict[str, Any]:
    """The values of the record, but for the prompt."""
    temperature = None if form.temperature is False else form.temperature
    margin = WIN_RATE_MARGIN if form.margin is None else form.margin
    return form.model_dump(exclude=set(OF_PROMPT)) | {"scale": scale, "temperature": temperature, "margin": margin}


def _template(
    form: "JudgeForm", place: tuple[str | int, ...], base: Path, problems: Problems, *, is_from_store: bool
) -> str | None:
    """The text of the form's prompt file in qtui's form; None if there is a problem with it."""
    path = base / named_path.expanded(form.prompt or "")
    try:
        decoded = input_file.read_any_text(path)
    except UserError as error:
        problems.add((*place, "prompt"), str(error))
        return None
    except OSError:
        names = OWN_PAIRWISE_PROMPTS if form.pairwise else OWN_PROMPTS
        own = f" qtui's own are {' and '.join(names)}." if not path.suffix else ""
        problems.add((*place, "prompt"), f"{path}: no such prompt template.{own}")
        return None
    problems.note(*decoded.note(path))
    named = form.slots.model_dump(exclude_defaults=True) if form.slots else {}
    try:
        return read_template(decoded.text, named, is_pairwise=form.pairwise)
    except UserError as error:
        if is_from_store and not named:
            return decoded.text
        for line in str(error).splitlines():
            problems.add((*place, "prompt"), f"{path}: {line}")
        return None


def check_keys(form: "ExperimentForm", problems: Problems) -> None:
    """Report every variable that the file names and that is not set.

    The default variable may be unset: most servers of one's own want no key, and a judge is asked last.
    """
    for number, judge in enumerate(form.judges):
        name = judge.api_key_env
        is_named = judge.kind == "openai" and "api_key_env" in judge.model_fields_set
        if is_named and not endpoint.key_name_problem(name) and not os.environ.get(name):
            problems.add(
                ("judges", number, "api_key_env"), f"the environment variable {name} is not set (export {name}=…)."
            )


def named(text: str) -> tuple[JudgeSpec, ...]:
    """The judges that an experiment's text names, without their prompt templates. Nothing else is read.

    Raises UserError if the text is not an experiment.
    """
    tables = toml_text.parse(text, Path("the experiment")).get("judges", [])
    return tuple(_named(table, number) for number, table in enumerate(tables))


def _named(table: dict[str, Any], number: int) -> JudgeSpec:
    from pydantic import ValidationError

    from qtui.experiment.form import KEYS, JudgeForm

    try:
        form = JudgeForm.model_validate(table)
        return JudgeSpec(**_values(form, judge_scale.scale(form.scale, lambda _: None)))
    except ValidationError as error:
        problems = (
            f"{dotted(('judges', number, *place))}{message}"
            for place, message in explain(error, table, KEYS | {"": KEYS["judges"]})
        )
        raise UserError(f"the experiment cannot be read: {' '.join(problems)}") from None
