"""Thinking behind an OpenAI-compatible endpoint: how a request says how to think, and where a reply has the thoughts.

OpenAI's protocol has `reasoning_effort`. vLLM, SGLang and llama-server also take variables of the chat template. Thoughts come as
`reasoning_content` (vLLM, llama-server, DeepSeek), as `reasoning` (newer vLLM, OpenRouter, Groq), as parts of the content
(Mistral), with their tags in the content where the server does not tell them apart, or as a number of tokens alone (OpenAI).
"""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from qtui.endpoints.completion import Completion
from qtui.records import Thoughts, VariantSpec
from qtui.thinking import Tags, split
from qtui.thinking.following import EFFORT, NO_EFFORT, SWITCHES

TEMPLATE_VARIABLES = "chat_template_kwargs"


def settings(variant: VariantSpec, *, refused: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings of a request, by name, that say how to think; empty if the variant does not say.

    A template ignores the variables that it does not read. `refused` are names that the server does not take. OpenAI's own server
    has no template variables and refuses their name.
    """
    thinking, is_openai = variant.thinking, is_openai_server(variant.base_url)
    found: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    if isinstance(thinking, str):
        found[EFFORT] = variables[EFFORT] = thinking
    elif thinking is False and is_openai:
        found[EFFORT] = NO_EFFORT
    if thinking is not None:
        variables |= dict.fromkeys(SWITCHES, thinking is not False)
    variables = {} if is_openai else variables
    variables |= variant.template_args or {}
    found |= {TEMPLATE_VARIABLES: variables} if variables else {}
    return {name: value for name, value in found.items() if name not in refused}


def left_out(variant: VariantSpec, refused: Collection[str]) -> tuple[str, ...]:
    """Return the names of the settings of thinking that were wanted and not sent, so that thinking may not be as asked.

    A level of thinking has two names, and one of them is enough.
    """
    wanted = settings(variant)
    missing = {name for name in wanted if name in refused}
    has_two_names = {EFFORT, TEMPLATE_VARIABLES} <= wanted.keys()
    is_said = missing == {EFFORT} or (missing == {TEMPLATE_VARIABLES} and not variant.template_args)
    return () if has_two_names and is_said else tuple(sorted(missing))


def is_openai_server(base_url: str | None) -> bool:
    """Whether an address is that of OpenAI's own server."""
    return base_url is None or urlsplit(base_url).hostname == "api.openai.com"


def split_reply(reply: Completion, *, prompt: str = "", tags: Tags | None = None) -> tuple[str, Thoughts | None]:
    """Return the answer and the thoughts of a reply; its text and None if it shows no thoughts.

    `prompt` is the rendered prompt where the endpoint got one.
    """
    found = split(reply.text, prompt=prompt, tags=tags)
    if not reply.thoughts and not found.has_markup and not reply.thinking_tokens:
        return reply.text, None
    # A server may return the thoughts apart and leave them in the text, too.
    parts = [part for part in dict.fromkeys((reply.thoughts.strip(), found.thinking)) if part]
    is_cut_off = reply.finish_reason == "length" and not found.answer.strip()
    return found.answer, Thoughts(
        text="\n\n".join(parts),
        whole=reply.text if found.has_markup and not reply.thoughts else None,
        tokens=reply.thinking_tokens,
        is_unfinished=found.is_unfinished or is_cut_off,
    )
