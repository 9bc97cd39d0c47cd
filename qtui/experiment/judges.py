"""The judges of an experiment: their prompt templates, and the variables with their keys."""

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.experiment.problems import Problems, dotted
from qtui.experiment.wrong_values import explain
from qtui.files import input_file
from qtui.records import JudgeSpec

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, JudgeForm


def spec(form: "JudgeForm", index: int, base: Path, problems: Problems) -> JudgeSpec:
    """The judge of a form, with the text of its prompt template."""
    place = ("judges", index)
    values = form.model_dump(exclude={"prompt"})
    for problem in endpoint.unset_variables(form.base_url or ""):
        problems.add((*place, "base_url"), problem)
    if form.kind == "openai" and not form.model:
        problems.add((*place, "model"), "an openai judge needs the name of its model.")
    template = None
    if form.prompt is not None:
        path = base / Path(form.prompt).expanduser()
        try:
            decoded = input_file.read_any_text(path)
        except UserError as error:
            problems.add((*place, "prompt"), str(error))
        except OSError:
            problems.add((*place, "prompt"), f"{path}: no such prompt template.")
        else:
            template = decoded.text
            problems.note(*decoded.note(path))
    return JudgeSpec(prompt=template, **values)


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
        return JudgeSpec(**JudgeForm.model_validate(table).model_dump(exclude={"prompt"}))
    except ValidationError as error:
        problems = (
            f"{dotted(('judges', number, *place))}{message}"
            for place, message in explain(error, table, {"": KEYS["judges"]})
        )
        raise UserError(f"the experiment cannot be read: {' '.join(problems)}") from None
