"""Renders tasks as prompts. Chat templates and the BOS are handled only here, for all engines.

Templates are Jinja, with the extensions of transformers. They run in a sandbox because they come with weights from anywhere.
Whether the template or the tokenizer adds the BOS, a prompt has exactly one or none.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights import chat_template
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.errors import UserError


def render(
    inputs: Iterable[str],
    form: PromptFormat,
    *,
    template: str | None = None,
    system: str | None = None,
    bos: bool | None = None,
    variables: Mapping[str, Any] | None = None,
    date: str = "",
) -> list[Prompt]:
    """Return one prompt per input. `template` overrides the model's; an empty template means the input unchanged.

    `bos` sets whether a BOS comes first, whatever the template writes; if None, template and tokenizer decide. `variables` are
    further variables of the template. `date` (2026-01-31) is the time that a template gets if it asks for it: midnight of that day;
    if empty, the present time.

    Raises UserError if the template is broken or rejects the input, or if there is a system prompt but no template.
    """
    chosen = form.template if template is None else template
    if not chosen:
        if system:
            raise UserError(f"a system prompt needs a chat template, and {form.source or 'the model'} has none")
        return [_with_one_bos(text, form, bos) for text in inputs]
    fill = _compiled(chosen, form, variables or {}, date)
    return [_with_one_bos(fill(text, system), form, bos) for text in inputs]


def for_chat_endpoint(inputs: Iterable[str], system: str | None) -> list[Prompt]:
    """Return prompts for a server that applies the model's template itself."""
    return [Prompt(text=text, bos=False, system=system) for text in inputs]


def _with_one_bos(text: str, form: PromptFormat, has_bos: bool | None) -> Prompt:
    bare = unicodedata.normalize(form.normal_form, text) if form.normal_form else text
    text = bare
    while form.bos_token and bare.startswith(form.bos_token):
        bare = bare[len(form.bos_token) :]
    bos = form.adds_bos or bare != text if has_bos is None else has_bos
    return Prompt(text=bare, bos=bos, space_after_special=form.space_after_special)


def variables_of(template: str, source: str) -> frozenset[str]:
    """Return the names that a template reads and does not define itself. Raises UserError if the template is broken."""
    import jinja2
    from jinja2 import meta

    try:
        return frozenset(meta.find_undeclared_variables(chat_template.environment().parse(template)))
    except jinja2.TemplateSyntaxError as error:
        raise _broken(source, error) from None


def _broken(source: str, error: Any) -> UserError:
    return UserError(f"the chat template of {source} is broken at line {error.lineno}: {error}")


def _compiled(
    template: str, form: PromptFormat, variables: Mapping[str, Any], date: str
) -> Callable[[str, str | None], str]:
    import jinja2

    try:
        compiled = chat_template.environment().from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise _broken(form.source, error) from None
    now = datetime.fromisoformat(date) if date else None

    def fill(text: str, system: str | None) -> str:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": text})
        try:
            values = {
                "messages": messages,
                "add_generation_prompt": True,
                "bos_token": form.bos_token,
                "eos_token": form.eos_token,
                "unk_token": form.unk_token,
                "pad_token": form.pad_token,
                "tools": None,
                "documents": None,
                "strftime_now": (now or datetime.now()).strftime,
                **variables,
            }
            rendered: str = compiled.render(values)
            return rendered
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, OverflowError) as error:
            raise UserError(f"the chat template of {form.source} rejects the prompt: {error}") from None

    return fill
