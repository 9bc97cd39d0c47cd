"""Prompts with the choices that follow them, where choices are scored instead of generating an answer."""

import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

from qtui.engines.protocol.answering import Item, Prompt
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.thinking import Tags, split


def with_choices(
    prompts: Sequence[Prompt], items: Sequence[Item], form: PromptFormat, *, is_chat: bool
) -> list[Prompt]:
    """Return the prompts with the choices of their items.

    Between prompt and choice stands what the item says; by default a space, and nothing where the choice begins the assistant's
    turn of a chat template (the defaults of lm-evaluation-harness, `target_delimiter`).
    """
    return [
        msgspec.structs.replace(prompt, choices=item.choices, continuations=_continuations(item, form, is_chat=is_chat))
        if item.choices
        else prompt
        for prompt, item in zip(prompts, items, strict=True)
    ]


def notes(prompts: Iterable[Prompt]) -> tuple[str, ...]:
    """Return sentences on prompts after which the likelihood of a choice says little."""
    for prompt in prompts:
        tags = Tags(*prompt.thinking_tags) if prompt.thinking_tags else None
        if prompt.choices and split("x", prompt=prompt.text, tags=tags).is_unfinished:
            return (
                "the chat template opens a thought, so the likelihoods of choices are those of thoughts; set thinking = false or a "
                "template without it",
            )
    return ()


def _continuations(item: Item, form: PromptFormat, *, is_chat: bool) -> tuple[str, ...]:
    before = item.before_choice if item.before_choice is not None else "" if is_chat else " "
    texts = (before + choice for choice in item.choices)
    return tuple(unicodedata.normalize(form.normal_form, text) if form.normal_form else text for text in texts)
