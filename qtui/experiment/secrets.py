"""Refusing secrets in an experiment's file: its text is stored, and the store may be copied.

Refused are a password in an address, a key in place of a variable's name, and the value of a secret environment variable anywhere
in the file. In a comment such a value is removed instead.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.files import toml_text
from qtui.secrets import redaction, url_secrets

if TYPE_CHECKING:
    from qtui.experiment.form import ExperimentForm, JudgeForm, VariantForm

_REMOVED = re.compile(r"\[removed: ([^\]]+)\]")

Location = tuple[str | int, ...]
Problem = Callable[[Location, str], None]
"""Called with a location and what is wrong there."""


def check(form: "ExperimentForm", text: str, table: dict[str, Any], problem: Problem) -> None:
    """Call `problem` for every secret in an experiment's file."""
    is_refused = False
    for place, spec in _endpoints(form):
        if message := endpoint.address_problem(spec.base_url or ""):
            problem((*place, "base_url"), message)
            is_refused = True
        if message := endpoint.key_name_problem(spec.api_key_env) if spec.api_key_env else None:
            problem((*place, "api_key_env"), message)
            is_refused = True
    if not is_refused and not _is_same(redaction.redact(text), table):
        problem((), f"{_where(text)}, which is a secret and would be stored. Remove it from the file.")


def without_secrets_in_comments(text: str, table: dict[str, Any]) -> str:
    """The text for the store, without secrets in comments. `table` is the parsed text, which does not change."""
    for clean in (redaction.redact, url_secrets.mask):
        cleaned = clean(text)
        if _is_same(cleaned, table):
            text = cleaned
    return text


def _endpoints(form: "ExperimentForm") -> Iterator[tuple[Location, "VariantForm | JudgeForm"]]:
    for number, model in enumerate(form.models):
        for position, variant in enumerate(model.variants):
            yield ("models", number, "variants", position), variant
    for number, judge in enumerate(form.judges):
        yield ("judges", number), judge


def _where(text: str) -> str:
    """The first line with a secret: its number and the name of the secret."""
    for number, line in enumerate(text.splitlines(), start=1):
        if removed := _REMOVED.search(redaction.redact(line)):
            return f"line {number} contains the value of {removed[1]}"
    return "it contains the value of an environment variable"


def _is_same(text: str, table: dict[str, Any]) -> bool:
    try:
        return repr(toml_text.parse(text, Path())) == repr(table)  # nan is not equal to itself
    except UserError:
        return False
