"""Thinking behind an OpenAI-compatible endpoint: how a request says how to think, and where a reply has the thoughts.

OpenAI's protocol has `reasoning_effort`. vLLM, SGLang and llama-server also take variables of the chat template. Thoughts come as
`reasoning_content` (vLLM, llama-server, DeepSeek), as `reasoning` (newer vLLM, OpenRouter, Groq), as parts of the content
(Mistral), with their tags in the content where the server does not tell them apart, or as a number of tokens alone (OpenAI).
"""

from typing import Any
from urllib.parse import urlsplit

from qtui.records import FinishReason, Thoughts, VariantSpec
from qtui.thinking import Tags, split

REASONING = ("reasoning_content", "reasoning", "thinking")
SWITCHES = ("enable_thinking", "thinking")
"""Variables of chat templates that are true or false. A template ignores those that it does not read."""


def with_thinking(settings: dict[str, Any], variant: VariantSpec) -> dict[str, Any]:
    """Return arguments for the library with those that say how to think. A variant that does not say adds none.

    OpenAI's own server has no template variables and refuses their name.
    """
    thinking, is_openai = variant.thinking, is_openai_server(variant.base_url)
    arguments: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    if isinstance(thinking, str):
        arguments["reasoning_effort"] = thinking
        variables["reasoning_effort"] = thinking
    elif thinking is False and is_openai:
        arguments["reasoning_effort"] = "none"
    if thinking is not None:
        variables |= dict.fromkeys(SWITCHES, thinking is not False)
    variables = {} if is_openai else variables
    variables |= variant.template_args or {}
    if variables:
        arguments["extra_body"] = {**settings.get("extra_body", {}), "chat_template_kwargs": variables}
    return settings | arguments


def is_openai_server(base_url: str | None) -> bool:
    """Whether an address is that of OpenAI's own server."""
    return base_url is None or urlsplit(base_url).hostname == "api.openai.com"


def apart(
    completion: Any, text: str, finish_reason: FinishReason, *, prompt: str = "", tags: Tags | None = None
) -> tuple[str, Thoughts | None]:
    """Return the answer and the thoughts of a reply with the content `text`; (text, None) if it shows no thoughts.

    `prompt` is the rendered prompt where the endpoint got one.
    """
    tokens = _reasoning_tokens(completion)
    reasoning = _reasoning(completion)
    found = split(text, prompt=prompt, tags=tags)
    if not reasoning and not found.has_markup and not tokens:
        return text, None
    parts = [part for part in (reasoning, found.thinking) if part]
    is_cut_off = finish_reason == "length" and not found.answer.strip()
    return found.answer, Thoughts(
        text="\n\n".join(parts),
        whole=text if found.has_markup and not reasoning else None,
        tokens=tokens,
        is_unfinished=found.is_unfinished or is_cut_off,
    )


def _reasoning(completion: Any) -> str:
    """Return the thoughts that a reply has apart from its content; empty if there are none."""
    message = getattr(completion.choices[0], "message", None)
    for name in REASONING:
        text = _text(getattr(message, name, None))
        if text:
            return text
    parts = getattr(message, "content", None)
    thoughts = [part for part in parts if _field(part, "type") == "thinking"] if isinstance(parts, list) else []
    return "\n\n".join(text for part in thoughts if (text := _text(_field(part, "thinking"))))


def _text(value: Any) -> str:
    """A text, or a list of parts that have one."""
    if isinstance(value, list):
        return "".join(_text(_field(part, "text")) for part in value)
    return value.strip() if isinstance(value, str) else ""


def _field(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, dict) else getattr(part, name, None)


def _reasoning_tokens(completion: Any) -> int | None:
    details = getattr(getattr(completion, "usage", None), "completion_tokens_details", None)
    count = getattr(details, "reasoning_tokens", None)
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
