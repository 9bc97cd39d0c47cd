"""Replies of endpoints with status 200: completions, judges' replies, lines of batches, log-probabilities."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from qtui.endpoints import batches, completion, server_words
from qtui.endpoints.completion import Completion
from qtui.engines.choices import endpoint_replies
from qtui.errors import UserError
from qtui.judges import reading
from tests.fuzz import mutation
from tests.fuzz.arena import Kind

LONGEST = 1000
"""Characters of a server's words that are shown, and of the words around them, are fewer."""
REPLY: dict[str, Any] = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": '{"reason": "good", "grade": 4}',
                "reasoning_content": "thought",
                "refusal": None,
                "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": {"tokens": ["a", "b", "c"], "token_logprobs": [None, -0.1, -0.2]},
        }
    ],
    "prompt_logprobs": [None, {"1": {"logprob": -0.5}}, {"2": {"logprob": -0.7}}],
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}
ERROR: dict[str, Any] = {
    "error": {"message": "no", "code": 429, "type": "rate", "metadata": {"raw": '{"error": "inner"}'}}
}
LINE: dict[str, Any] = {
    "custom_id": "q1",
    "response": {"status_code": 200, "body": REPLY},
    "error": {"code": "x", "message": "y"},
}
OTHERS = (
    b"", b"OK", b"null", b"[]", b'"text"', b"5", b"NaN", b"[" * 100_000, b'{"a":' * 5000, b'{"error":' * 800 + b"1" + b"}" * 800,
    b"<!DOCTYPE html><html><title>502</title><body>Bad", b'data: {"error": "x"}\n\ndata: [DONE]', b"\xff\xfe\x00", b"x" * 300_000,
    b"<html><![foo[bar", b'{"choices": []}', b"[[]]", b'{"choices": "a"}', b'{"detail": [{"loc": [1], "msg": "m"}]}', b"\x00" * 50,
)  # fmt: skip


def _make_reply(random: Random, folder: Path) -> None:
    value: Any = random.choice((REPLY, REPLY, REPLY, LINE, LINE, ERROR))
    if random.random() < 0.1:
        data = random.choice(OTHERS)
    elif random.random() < 0.8:
        value = mutation.changed_value(random, value)
        if random.random() < 0.2 and isinstance(value, dict):
            value["choices"] = mutation.changed_value(random, REPLY["choices"][0])
        data = json.dumps(value).encode()
    else:
        data = mutation.changed_bytes(random, json.dumps(value).encode())
    (folder / "body").write_bytes(data)


def _read_reply(folder: Path) -> None:
    body = (folder / "body").read_bytes()
    texts = list(_words(body))
    if long := next((text for text in texts if len(text) > LONGEST), None):
        raise UserError(long)
    if texts:
        raise UserError(max(texts, key=len))


def _words(body: bytes) -> Iterator[str]:
    """What qtui would say of a reply, wherever one is read."""
    apis: tuple[Any, ...] = ("chat", "completions")
    for api in apis:
        yield from _of(completion.read(body, api))
    completion.usage(body)
    for way in ("echo", "prompt_logprobs"):
        endpoint_replies.given(body, way)
    for line in batches.read_lines(body):
        yield server_words.shown(line.words)
        yield from _of(completion.read(line.body, "chat"))
    yield server_words.shown(server_words.words(body))


def _of(read: Any) -> Iterator[str]:
    if not isinstance(read, Completion):
        yield server_words.shown(read.words)
        return
    reply = reading.read(read, prompt="p", answer="a")
    if reply.grade is None:
        yield reading.last_reply(read, reply.reason)[:1000]


KINDS = (Kind("endpoint reply", _make_reply, _read_reply, weight=10),)
