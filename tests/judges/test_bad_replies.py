"""Replies with status 200 that are no answers, over HTTP: for a variant and for a judge one short sentence, whatever they are."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from qtui.endpoints import completion
from qtui.endpoints.completion import Completion
from qtui.engines import openai as openai_engine
from qtui.engines.choices import endpoint_replies
from qtui.engines.protocol.answering import Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.judges import create_judge, reading
from qtui.judges.protocol import Question
from qtui.records import JudgeSpec, Sampling, VariantSpec

LONGEST = 700
"""Characters of a sentence: 300 are the server's, the others say which judge and what to do."""
EMPTY: dict[str, object] = {"finish_reason": "stop", "message": {"content": None}}
CHOICES: tuple[Any, ...] = (
    None, 5, "a", {}, [], [None], ["a"], [5], [[]], [{}], [{"message": 5}], [{"message": {"content": 5}}],
)  # fmt: skip
VALUES: tuple[Any, ...] = (None, 5, "content_filter", ["x" * 100_000], {"a": "b" * 100_000}, "z" * 200_000)
BODIES: dict[str, bytes] = {
    "text": b"OK",
    "a long text": b"word " * 60_000,
    "a page": b"<!DOCTYPE html><html><title>Login</title><body>" + b"please " * 50_000,
    "null": b"null",
    "a list": b"[1, 2]",
    "a text of JSON": b'"choices"',
    "a number": b"5",
    "nothing": b"",
    "no UTF-8": b"\xff\xfe\x00\x01",
    "lists without end": b"[" * 200_000,
    "objects without end": b'{"choices":' * 100_000,
    "errors without end": b'{"error":' * 900 + b"1" + b"}" * 900,
    **{
        f"half a character: {name}": json.dumps(body).encode()
        for name, body in {
            "message": {"choices": [{"finish_reason": "\ud800\0"}]},
            "refusal": {"choices": [{"finish_reason": "\ud800", "message": {"content": None, "refusal": "\udfff\0no"}}]},
            "tool": {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"name": "\ud800\0"}}]}}]},
            "error": {"error": {"message": "\ud800\0", "code": "\udc00"}},
            "another form": {"\ud800": "\ud800\0"},
            "content": {"choices": [{"message": {"content": "\ud800\0"}, "finish_reason": "\ud800"}], "model": "\udfff"},
        }.items()
    },
    **{
        f"choices are {json.dumps(value)[:20]}": json.dumps({"choices": value}).encode()
        for value in CHOICES
    },
    **{
        f"{name} is {json.dumps(value)[:20]}": json.dumps({"choices": [{**EMPTY, name: value}]}).encode()
        for name in EMPTY
        for value in VALUES
    },
}  # fmt: skip


@pytest.fixture
def served() -> Iterator[list[bytes]]:
    """What a server on 127.0.0.1 replies to everything, and its address."""
    replies: list[bytes] = [b"", b""]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(replies[0])))
            self.end_headers()
            self.wfile.write(replies[0])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    replies[1] = f"http://127.0.0.1:{server.server_port}/v1".encode()
    yield replies
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_variant_says_in_one_sentence_why_there_is_no_answer(body: bytes, served: list[bytes]) -> None:
    served[0] = body
    variant = VariantSpec("m", "served", "openai", "served-model", "served", base_url=served[1].decode())
    requests = [Request(0, Prompt("q", bos=False), Sampling(max_tokens=4))]
    try:
        said = [
            each.reason
            for each in openai_engine.load_engine(variant, requests).answer(requests)
            if isinstance(each, Unanswered)
        ]
    except UserError as error:
        said = [str(error)]
    for text in said:  # an empty answer is one
        assert 0 < len(text) < LONGEST
        assert "attribute" not in text
        assert text.encode()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_judge_says_in_one_sentence_why_there_is_no_grade(body: bytes, served: list[bytes]) -> None:
    served[0] = body
    judge = create_judge(JudgeSpec(kind="openai", model="judge", base_url=served[1].decode()))
    question = Question(input="q", answer="a", reference="r", criteria="c")

    async def ask() -> str:
        try:
            return (await judge.grade(question, 1)).reason
        except UserError as error:
            return str(error)
        finally:
            await judge.close()

    text = asyncio.run(ask())
    assert 0 < len(text) < LONGEST
    assert "attribute" not in text
    assert text.encode()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_log_probabilities_that_are_none_are_none(body: bytes) -> None:
    assert endpoint_replies.given(body, "echo") is None
    assert endpoint_replies.given(body, "prompt_logprobs") is None


@pytest.mark.parametrize("place", [{}, [], "a", 5, {"1": None}, {"1": {"logprob": "x"}}, {"1": {"logprob": 10**400}}])
def test_log_probabilities_of_an_odd_form_are_none(place: object) -> None:
    body = json.dumps({"choices": [{}], "prompt_logprobs": [None, place, place]}).encode()
    assert endpoint_replies.given(body, "prompt_logprobs") is None


def test_a_reply_without_end_that_is_no_grade_is_stored_to_a_bound() -> None:
    read = completion.read(json.dumps({"choices": [{"message": {"content": "x" * 1_000_000}}]}).encode(), "chat")
    assert isinstance(read, Completion)
    said = reading.last_reply(read, "no JSON")
    assert len(said) < reading.LONGEST_REPLY + 200
    assert said.endswith("… (cut: it has 1,000,000 characters)")
