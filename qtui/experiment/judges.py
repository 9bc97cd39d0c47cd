"""The judges of an experiment: their scales and prompt templates, and the variables with their keys."""

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.experiment import judge_scale
from qtui.experiment.problems import Problems, dotted
from qtui.experiment.wrong_values import explain
from qtui.files import input_file
from qtui.judge_prompts import OWN_PROMPTS, own_template, read_template
from qtui.records import JudgeSpec, Scale

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, JudgeForm


OF_PROMPT = frozenset(("prompt", "slots", "scale", "temperature"))
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
    if form.slots is not None and (form.prompt is None or form.prompt in OWN_PROMPTS):
        problems.add((*place, "slots"), "says what the placeholders of a file are, but prompt names no file.")
    template = None
    if form.prompt in OWN_PROMPTS:
        template = own_template(scale, form.prompt)
    elif form.prompt is not None:
        template = _template(form, place, base, problems, is_from_store=is_from_store)
    return JudgeSpec(prompt=template, **_values(form, scale))


def _values(form: "JudgeForm", scale: Scale) -> dict[str, Any]:
    """The values of the record, but for the prompt."""
    temperature = None if form.temperature is False else form.temperature
    return form.model_dump(exclude=set(OF_PROMPT)) | {"scale": scale, "temperature": temperature}


def _template(
    form: "JudgeForm", place: tuple[str | int, ...], base: Path, problems: Problems, *, is_from_store: bool
) -> str | None:
    """The text of the form's prompt file in qtui's form; None if there is a problem with it."""
    path = base / Path(form.prompt or "").expanduser()
    try:
        decoded = input_file.read_any_text(path)
    except UserError as error:
        problems.add((*place, "prompt"), str(error))
        return None
    except OSError:
        own = f" qtui's own are {' and '.join(OWN_PROMPTS)}." if not path.suffix else ""
        problems.add((*place, "prompt"), f"{path}: no such prompt template.{own}")
        return None
    problems.note(*decoded.note(path))
    named = form.slots.model_dump(exclude_defaults=True) if form.slots else {}
    try:
        return read_template(decoded.text, named)
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
    try:
        tables = tomllib.loads(text).get("judges", [])
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"the experiment cannot be read: {error}") from None
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
