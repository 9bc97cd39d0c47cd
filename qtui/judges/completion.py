"""What a judge's server returned, as texts: the reply, how it ended, a refusal, and thoughts that have a field of their own.

The openai library does not check the body of a response: it may be any JSON, or the text of a page.
"""

from dataclasses import dataclass
from typing import Any

from qtui.secrets.redaction import redact

THOUGHT_FIELDS = ("reasoning_content", "reasoning")
"""Fields of a message in which servers put thoughts that they took out of the reply."""
THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking")
"""Kinds of parts of a content that are thoughts."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply of a judge, without secrets. `finish_reason` is None where the server names none."""

    text: str
    finish_reason: str | None = None
    refusal: str = ""
    thoughts: str = ""


def read_completion(response: object) -> Completion | None:
    """Return the first choice of a response; None if the response does not follow the protocol."""
    try:
        choices = response.choices  # type: ignore[attr-defined]
        if not choices:
            return Completion("")
        message = choices[0].message
        content = _content(message.content)
    except (AttributeError, LookupError, TypeError):
        return None
    if content is None:
        return None
    text, refusal = content
    return Completion(
        redact(text),
        _text(getattr(choices[0], "finish_reason", None)) or None,
        redact(_text(getattr(message, "refusal", None)) or refusal),
        redact(next(filter(None, (_text(getattr(message, name, None)) for name in THOUGHT_FIELDS)), "")),
    )


def _content(content: object) -> tuple[str, str] | None:
    """Return text and refusal of a content, which is a text, a list of parts or null; None for anything else."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    parts: list[dict[str, Any]] = content
    said = [_text(part.get("text")) for part in parts if part.get("type") not in THOUGHT_PARTS]
    return "".join(said), "".join(_text(part.get("refusal")) for part in parts)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
