"""How a variant is to think, as the variables that its chat template reads.

Templates have different names for the same switch. A variable that the template does not read changes nothing, so what was asked
for and is not read is said in a sentence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qtui.engines.prompts import rendering
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.records import PromptSource, VariantSpec
from qtui.thinking.following import BUDGET, EFFORT, NO_EFFORT, SWITCHES

_NO_EFFORT = re.compile(rf"""["']{NO_EFFORT}["']""")


@dataclass(frozen=True, slots=True)
class TemplateArguments:
    """Variables for a template, by name, and sentences on what the template ignores."""

    values: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def template_arguments(variant: VariantSpec, prompt: PromptSource, prompt_format: PromptFormat) -> TemplateArguments:
    """Return the variables for the template of the experiment, or else of the prompt's weights, which define `prompt_format`.

    Raises UserError if the template is broken.
    """
    template = prompt_format.template if prompt.template is None else prompt.template
    source = prompt_format.source if prompt.template is None else "the experiment"
    variables = rendering.variables_of(template, source) if template else frozenset[str]()
    return _arguments(variant, template, variables, source)


def unknown_at_endpoint(variant: VariantSpec) -> tuple[str, ...]:
    """Return what cannot be known of the settings of a chat endpoint, whose template is its own. Thoughts show in its answers."""
    if not variant.template_args:
        return ()
    names = ", ".join(variant.template_args)
    return (f"the endpoint gets template_args ({names}), and does not say whether its chat template reads them",)


def _arguments(variant: VariantSpec, template: str | None, variables: frozenset[str], source: str) -> TemplateArguments:
    asked = asked_in_words(variant)
    if not asked:
        return TemplateArguments()
    if not template:
        sentence = f"{', '.join(asked)} has no effect, because the prompts are not made by a chat template"
        return TemplateArguments({}, (sentence,))
    values = _thinking_values(variant, template, variables)
    own = variant.template_args or {}
    unread = [name for name in own if name not in variables]
    ignored = [f"the chat template of {source} does not read {name}, so it has no effect" for name in unread]
    if not _is_obeyed(variant, values):
        read = [name for name in (*SWITCHES, EFFORT) if name in variables]
        names = f"reads only {', '.join(read)}" if read else f"reads none of {', '.join((*SWITCHES, EFFORT))}"
        ignored.append(f"{asked[0]} has no effect: the chat template of {source} {names}")
    return TemplateArguments({**values, **own}, tuple(ignored))


def asked_in_words(variant: VariantSpec) -> list[str]:
    """Return the settings of a variant that a template has to obey, as an experiment writes them."""
    words = []
    if variant.thinking is not None:
        value = str(variant.thinking).lower() if isinstance(variant.thinking, bool) else f'"{variant.thinking}"'
        words.append(f"thinking = {value}")
    if variant.template_args:
        words.append(f"template_args ({', '.join(variant.template_args)})")
    return words


def _thinking_values(variant: VariantSpec, template: str, variables: frozenset[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if variant.thinking is not None:
        values = {name: variant.thinking is not False for name in SWITCHES if name in variables}
        if EFFORT in variables and isinstance(variant.thinking, str):
            values[EFFORT] = variant.thinking
        elif EFFORT in variables and variant.thinking is False and _NO_EFFORT.search(template):
            values[EFFORT] = NO_EFFORT
        if BUDGET in variables and variant.thinking is False:
            values[BUDGET] = 0
    if variant.thinking_budget is not None and BUDGET in variables:
        values[BUDGET] = variant.thinking_budget
    return values


def _is_obeyed(variant: VariantSpec, values: Mapping[str, Any]) -> bool:
    if variant.thinking is None:
        return True
    if isinstance(variant.thinking, str):
        return EFFORT in values
    return bool(values.keys() & {*SWITCHES, EFFORT, BUDGET})
