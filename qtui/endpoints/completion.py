"""Reading the body of a reply with status 200: an answer, or the reason why it is none.

Servers and proxies send with status 200 also pages, streams of events, errors in JSON (TGI, OpenRouter), choices without a message,
filtered messages and calls of tools. None of them is an answer, and each costs one answer only.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from qtui.endpoints import server_words
from qtui.endpoints.failures import OK, Failure, Scope, of_status
from qtui.errors import shortened
from qtui.records import FinishReason, Usage

_FINISH: dict[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
}  # fmt: skip
_FILTERS = (
    "content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii", "refusal", "sensitive",
    "guardrail_intervened",
)  # fmt: skip
LONGEST_NAME = 100
"""Characters of a finish reason or a tool's name that are kept."""
MOST_TOKENS = 2**40
"""Larger numbers of tokens are none. SQLite has no integers above 2**63."""
_THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking")
"""Types of the parts of a message that are not its answer."""
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message with thoughts: vLLM, llama-server, DeepSeek; newer vLLM, OpenRouter, Groq; Ollama."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model. Its text may contain secrets. A count is 0 if the server reports none."""

    text: str
    finish_reason: FinishReason = "unknown"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    server_finish: str = ""
    """The finish reason as the server names it; empty if it names none."""
    refusal: str = ""
    """What the model says where it refuses, beside the text."""
    thoughts: str = ""
    """Thoughts that the server tells apart from the text."""
    thinking_tokens: int | None = None
    """Tokens spent on thinking, which `completion_tokens` counts too; None if the server does not report them."""


def read(body: bytes, api: Literal["chat", "completions"]) -> Completion | Failure:
    """Return the answer in a body, or why there is none."""
    try:
        return _read(body, api)
    except RecursionError:  # parts of a reply that are nested too deeply
        return _no_protocol(body)


def _read(body: bytes, api: Literal["chat", "completions"]) -> Completion | Failure:
    value = _parsed(body)
    if isinstance(value, list) and value and isinstance(value[0], dict) and (failure := _error_of(value[0])):
        return failure  # Gemini
    if not isinstance(value, dict):
        return _no_protocol(body)
    choices = value.get("choices")
    if not (isinstance(choices, list) and choices) and (failure := _error_of(value)):
        return failure
    if not isinstance(choices, list):
        return _no_protocol(body)
    if not choices:
        return _no_answer(f"sent a reply without choices{_said(value)}")
    choice = choices[0]
    if not isinstance(choice, dict):
        return _no_protocol(body)
    return _of_choice(choice, value, body, api)


def _of_choice(
    choice: dict[str, Any], value: dict[str, Any], body: bytes, api: Literal["chat", "completions"]
) -> Completion | Failure:
    if failure := _error_of(choice) or _error_of(value):
        return failure
    reason = choice.get("finish_reason")
    finish = reason.casefold() if isinstance(reason, str) else ""
    if api == "completions" and "text" not in choice:
        return _no_protocol(body)
    message = {"content": choice["text"]} if api == "completions" else choice.get("message")
    if finish in _FILTERS:
        return _no_answer(f"filtered the answer (finish_reason {_shown(reason)}){_refusal(message)}")
    if message is None:
        return _no_answer(f"sent a choice without a message (finish_reason {_shown(reason or 'unknown')})")
    if not isinstance(message, dict):
        return _no_protocol(body)
    content = message.get("content")
    text = _text(content)
    if text is None:
        return _no_protocol(body)
    if not text.strip():
        if refusal := _refusal(message):
            return _no_answer(f"refused to answer{refusal}")
        if calls := message.get("tool_calls") or message.get("function_call"):
            return _no_answer(f"sent a call of a tool in place of an answer{_called(calls)}")
        if finish == "error":
            return _no_answer("broke off without an answer (finish_reason error)")
    return Completion(
        text,
        _FINISH.get(finish, "unknown"),
        _count(value, "prompt_tokens"),
        _count(value, "completion_tokens"),
        server_finish="" if reason is None else _shown(reason),
        refusal=_refusal(message).removeprefix(": "),
        thoughts=_thoughts(message),
        thinking_tokens=_thinking_tokens(value),
    )


def usage(body: bytes) -> Usage:
    """Return what the one request used that this body replies to, whatever the reply says; a count that it lacks is unknown.

    Names of OpenAI, of its newer API, of DeepSeek and of Anthropic.
    """
    value = _parsed(body)
    counts = value.get("usage") if isinstance(value, dict) else None
    prompt = _first(counts, "prompt_tokens", "input_tokens")
    details = [counts.get(f"{name}_tokens_details") for name in ("prompt", "input")] if isinstance(counts, dict) else []
    cached = next((number for each in details if (number := _number(each, "cached_tokens")) is not None), None)
    if cached is None:
        cached = _first(counts, "prompt_cache_hit_tokens", "cache_read_input_tokens")
    return Usage(1, prompt, cached, _first(counts, "completion_tokens", "output_tokens"))


def _shown(value: Any) -> str:
    """A name that a server gives, not longer than names are."""
    return shortened(value if isinstance(value, str) else json.dumps(value), LONGEST_NAME)


def _first(counts: Any, *names: str) -> int | None:
    return next((number for name in names if (number := _number(counts, name)) is not None), None)


def _parsed(body: bytes) -> Any:
    """The value of a body; None if it is no JSON. A lone surrogate in a text of it is U+FFFD: nothing could store or send it."""
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode(json.detect_encoding(body))
    except ValueError:
        return None
    return server_words.as_storable_json(text)


def _text(content: Any) -> str | None:
    """The text of a message's content: a text, or the texts of its parts without thoughts; None if it is neither."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part for part in content if not (isinstance(part, dict) and part.get("type") in _THOUGHT_PARTS)]
    texts = [part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None for part in parts]
    if any(not isinstance(text, str) for text in texts):
        return None
    return "".join(text for text in texts if isinstance(text, str))


def _thoughts(message: dict[str, Any]) -> str:
    """The thoughts that a message has apart from its text; empty if there are none."""
    for name in _THOUGHT_FIELDS:
        if text := _thought(message.get(name)):
            return text
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    kinds = [part for part in parts if isinstance(part, dict) and part.get("type") in _THOUGHT_PARTS]
    return "\n\n".join(text for part in kinds if (text := _thought(part.get("thinking") or part.get("text"))))


def _thought(value: Any) -> str:
    """A text, or the texts of a list of parts."""
    if isinstance(value, list):
        return "".join(_thought(part.get("text") if isinstance(part, dict) else part) for part in value)
    return value.strip() if isinstance(value, str) else ""


def _error_of(value: dict[str, Any]) -> Failure | None:
    """The error that a body or choice with status 200 contains."""
    error = value.get("error") or (value.get("object") == "error" and value) or value.get("errors")
    if not error and "choices" not in value and "message" not in value:
        error = value.get("detail")
    if not error:
        return None
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else 400
    words = server_words.of_value({"error": error}) or "no reason"
    # The library does not try again after a passing fault in a body, so it costs one answer and not the endpoint.
    scope = Scope.UNCLEAR if status == 429 else of_status(status, words).scope
    if scope is Scope.ENDPOINT and code:
        return Failure(status, words, scope, is_reply_of_model=True)
    return Failure(OK, f"sent an error: {words}", scope, is_reply_of_model=True)


def _no_protocol(body: bytes) -> Failure:
    said = server_words.words(body)
    return Failure(
        OK,
        f"sent a reply that is not OpenAI's protocol (is /v1 missing in base_url?): {said or 'nothing'}",
        Scope.UNCLEAR,
        # Cut off, in another encoding, as events, or with an odd content: the server speaks the protocol, this reply does not.
        is_reply_of_model=b'"choices"' in body,
    )


def _no_answer(reason: str) -> Failure:
    return Failure(OK, reason, Scope.QUESTION, is_reply_of_model=True)


def _said(value: dict[str, Any]) -> str:
    feedback = (
        value.get("promptFeedback") or value.get("prompt_feedback") or value.get("message") or value.get("detail")
    )
    return f": {server_words.of_value(feedback)}" if feedback else ""


def _refusal(message: Any) -> str:
    refusal = message.get("refusal") if isinstance(message, dict) else None
    if isinstance(refusal, dict | list):
        return f": {server_words.of_value(refusal)}" if refusal else ""
    return f": {server_words.words(refusal)}" if isinstance(refusal, str) and refusal.strip() else ""


def _called(calls: Any) -> str:
    calls = calls if isinstance(calls, list) else [{"function": calls}]
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    names = [each["name"] for each in functions if isinstance(each, dict) and isinstance(each.get("name"), str)]
    return f": {_shown(', '.join(names))}" if names else ""


def _count(value: dict[str, Any], name: str) -> int:
    return _number(value.get("usage"), name) or 0


def _thinking_tokens(value: dict[str, Any]) -> int | None:
    usage = value.get("usage")
    return _number(usage.get("completion_tokens_details"), "reasoning_tokens") if isinstance(usage, dict) else None


def _number(counts: Any, name: str) -> int | None:
    count = counts.get(name) if isinstance(counts, dict) else None
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS
    return count if is_count else None
