"""Reading log-probabilities of given text in the replies of OpenAI-compatible servers."""

import json
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Given:
    """The given tokens as the server names them (texts or ids), and their log-probabilities; None of the first."""

    tokens: list[str]
    values: list[float | None]
    prompt_tokens: int
    """As the server counts them."""


def given(body: bytes, way: Literal["echo", "prompt_logprobs"]) -> Given | None:
    """Return the given tokens of a reply; None if it does not have their log-probabilities."""
    try:
        reply = json.loads(body)
        usage = reply.get("usage") or {}
        found = _echoed(reply, usage) if way == "echo" else _of_prompt(reply)
        if found is None:
            return None
        tokens, values = found
        numbers = [None if value is None else float(value) for value in values]
        counted = usage.get("prompt_tokens")
    except Exception:  # whatever a reply has in place of numbers
        return None
    # Of the very first token no server knows a probability; at least one other has to have one.
    if len(tokens) != len(numbers) or not any(value is not None for value in numbers):
        return None
    return Given([str(token) for token in tokens], numbers, counted if isinstance(counted, int) else len(tokens))


def _echoed(reply: Any, usage: Any) -> tuple[list[Any], list[Any]] | None:
    """The echoed tokens, without those that were generated after them."""
    logprobs = reply["choices"][0]["logprobs"]
    tokens, values = logprobs["tokens"], logprobs["token_logprobs"]
    drawn = usage.get("completion_tokens")
    drawn = drawn if isinstance(drawn, int) else 1
    kept = len(tokens) - drawn
    # A server that does not echo returns only what it generated.
    return (tokens[:kept], values[:kept]) if kept > 1 else None


def _of_prompt(reply: Any) -> tuple[list[Any], list[Any]] | None:
    """vLLM: per token of the prompt its candidates by id, the token itself first; null for the first token."""
    listed = reply.get("prompt_logprobs") or reply["choices"][0].get("prompt_logprobs")
    if not isinstance(listed, list) or len(listed) < 2:
        return None
    tokens, values = [], []
    for place in listed:
        token, value = ("", None) if place is None else next(iter(place.items()))
        tokens.append(token)
        values.append(value if value is None or isinstance(value, int | float) else value["logprob"])
    return tokens, values
