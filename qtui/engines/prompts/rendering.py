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
from qtui.records import Turn


def render(
    inputs: Iterable[str],
    form: PromptFormat,
    *,
    earlier: Iterable[tuple[Turn, ...]] = (),
    template: str | None = None,
    system: str | None = None,
    bos: bool | None = None,
    variables: Mapping[str, Any] | None = None,
    date: str = "",
) -> list[Prompt]:
    """Return one prompt per input. `template` overrides the model's; an empty template means the input unchanged.

    `earlier` are the turns before each input; none by default.

    `bos` sets whether a BOS comes first, whatever the template writes; if None, template and tokenizer decide. `variables` are
    further variables of the template. `date` (2026-01-31) is the time that a template gets if it asks for it: midnight of that day;
    if empty, the present time.

    Raises UserError if the template is broken or rejects the input, or if there is a system prompt or a conversation of several
    turns but no template.
    """
    chosen = form.template if template is None else template
    conversations = _conversations(inputs, earlier)
    if not chosen:
        if any(turns for _, turns in conversations):
            raise UserError(needs_template(form.source))
        if system:
            raise UserError(f"a system prompt needs a chat template, and {form.source or 'the model'} has none")
        return [_with_one_bos(text, form, bos) for text, _ in conversations]
    fill = _compiled(chosen, form, variables or {}, date)
    return [_with_one_bos(fill(text, turns, system), form, bos) for text, turns in conversations]


def check_several_turns(
    form: PromptFormat,
    *,
    template: str | None = None,
    system: str | None = None,
    variables: Mapping[str, Any] | None = None,
    date: str = "",
) -> None:
    """Raise UserError if the prompt's format cannot show a model the turns before, as in `render`.

    A format for one turn would leave them out silently. So a conversation is rendered, and each of its texts is looked for.
    """
    chosen = form.template if template is None else template
    if not chosen:
        raise UserError(needs_template(form.source))
    texts = ("firstquestion", "firstanswer", "secondquestion")
    rendered = _compiled(chosen, form, variables or {}, date)(texts[2], (Turn(texts[0], texts[1]),), system)
    places = [rendered.find(text) for text in texts]
    if -1 in places or places != sorted(places):
        whose = form.source if template is None else "the experiment"
        raise UserError(
            f"the chat template of {whose} is for one turn: it leaves out the turns before, and the tasks have conversations of "
            "several turns. Use a model whose chat template shows them, or tasks of one turn"
        )


def needs_template(source: str) -> str:
    """The sentence on a model that cannot be asked a second turn."""
    return (
        f"{source or 'the model'} has no chat template, so it cannot see the turns before: the tasks have conversations of several "
        "turns. Use a model with a chat template, or tasks of one turn"
    )


def for_chat_endpoint(
    inputs: Iterable[str], system: str | None, earlier: Iterable[tuple[Turn, ...]] = ()
) -> list[Prompt]:
    """Return prompts for a server that applies the model's template itself. `earlier` as in `render`."""
    return [
        Prompt(text=text, bos=False, system=system, earlier=turns) for text, turns in _conversations(inputs, earlier)
    ]


def _conversations(inputs: Iterable[str], earlier: Iterable[tuple[Turn, ...]]) -> list[tuple[str, tuple[Turn, ...]]]:
    """What is asked now, and the turns before it."""
    texts, turns = list(inputs), list(earlier)
    return list(zip(texts, turns or [()] * len(texts), strict=True))


def _with_one_bos(text: str, form: PromptFormat, has_bos: bool | None) -> Prompt:
    bare = unicodedata.normalize(form.normal_form, text) if form.normal_form else text
    text = bare
    while form.bos_token and bare.startswith(form.bos_token):
        bare = bare[len(form.bos_token) :]
    bos = form.adds_bos or bare != text if has_bos is None else has_bos
    return Prompt(text=bare, bos=bos, space_after_special=form.space_after_special)


def variables_of(template: str, source: str) -> frozenset[str]:
    """Return the names that a template reads and does not define itself. Raises UserError if the template is broken."""
    return chat_template.variables_of(template, source)


def _compiled(
    template: str, form: PromptFormat, variables: Mapping[str, Any], date: str
) -> Callable[[str, tuple[Turn, ...], str | None], str]:
    compiled = chat_template.compiled(template, form.source)
    now = datetime.fromisoformat(date) if date else None

    def fill(text: str, earlier: tuple[Turn, ...], system: str | None) -> str:
        messages = [{"role": "system", "content": system}] if system else []
        for turn in earlier:
            messages += [{"role": "user", "content": turn.input}, {"role": "assistant", "content": turn.answer}]
        messages.append({"role": "user", "content": text})
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
        return chat_template.rendered(compiled, values, form.source)

    return fill
