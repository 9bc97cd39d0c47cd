"""How variants are to think: the settings of a model are those of its variants that set none themselves."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtui.experiment.form import ModelForm, VariantForm

Problem = Callable[[str, str], None]
"""Called with a key and what is wrong with its value."""

KEYS = ("thinking", "template_args", "thinking_budget")
RESERVED = ("messages", "add_generation_prompt", "tools", "documents", "bos_token", "eos_token", "strftime_now")
"""Variables of a template that qtui sets."""


def with_defaults(variant: "VariantForm", model: "ModelForm") -> "VariantForm":
    """Return the variant with the model's settings where it has none."""
    missing = {key: getattr(model, key) for key in KEYS if getattr(variant, key) is None}
    return variant.model_copy(update=missing)


def check(form: "VariantForm", problem: Problem) -> None:
    """Report settings that cannot be followed."""
    if form.thinking_budget is not None and form.engine == "openai":
        problem(
            "thinking_budget",
            "servers have no common name for it: start the server with a budget, or set it in template_args under the name that "
            "the model's chat template reads.",
        )
    if form.thinking_budget is not None and form.thinking is False:
        problem(
            "thinking_budget", "is set for a variant that is not to think (thinking = false): remove one of the two."
        )
    for name in form.template_args or {}:
        if name in RESERVED:
            problem("template_args", f"{name} is set by qtui: remove it.")
    try:
        json.dumps(form.template_args, allow_nan=False)
    except (TypeError, ValueError):
        problem(
            "template_args",
            "has a date, a time, inf or nan, which a chat template does not take: write it as text in quotes.",
        )


def tags(form: "ModelForm", problem: Problem) -> tuple[str, str] | None:
    """Return the opening and closing tag of the model's thoughts; None if the file names none."""
    if form.thinking_tags is None:
        return None
    opening, closing = (text.strip() for text in form.thinking_tags)
    if not opening or not closing or opening == closing:
        problem("thinking_tags", "needs two different texts: the one that begins a thought, and the one that ends it.")
    return opening, closing
