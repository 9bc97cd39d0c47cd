"""Replies that are made to take time or to break what reads them: tags without end, endless lists, charsets that are none."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import openai
import pytest

from qtui.endpoints import batches, completion, endpoint, sending
from qtui.endpoints.batches import BatchEndpoint
from qtui.endpoints.completion import Completion
from qtui.endpoints.server_words import LONGEST, words
from tests.fuzz.http_kinds import served

ENDLESS = ("<a ", "<!--", "</", "<a b='", "<![", "<?", "<head>", "<title>", "<script>", "</style>", "< ")


def _reply(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _steps(read: Callable[[], object]) -> int:
    """How many lines of Python a call runs, which no other work on the machine changes."""
    lines = 0

    def count(*_: Any) -> Any:
        nonlocal lines
        lines += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("piece", ENDLESS)
def test_a_page_of_tags_is_read_in_steps_that_grow_with_its_length_alone(piece: str) -> None:
    few, many = (_steps(lambda n=n: words("<html>" + piece * n)) for n in (200, 800))  # type: ignore[misc]
    assert many < 6 * few + 1000


def test_a_page_of_a_hundred_thousand_open_tags_is_a_sentence() -> None:
    assert words("<html>" + "<a " * 100_000) == "a web page"


def test_of_a_hundred_thousand_reasons_as_many_are_compared_as_are_kept() -> None:
    said = words(json.dumps({"errors": [f"reason {number:06}" for number in range(100_000)]}))
    assert said.startswith("reason 000000; reason 000001;")
    assert LONGEST - 100 < len(said) <= LONGEST


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html><head><title>A</title></head><body>b<br>c<!-- <p>d --> e</body>", "a web page: A b c e"),
        ("<html><script>if (a<b) x()</script>seen<style>p>q{}</style> too", "a web page: seen too"),
        ("<html><body>1 < 2 &amp; 3 &gt; 2", "a web page: 1 < 2 & 3 > 2"),
        ("<HTML><TITLE>Up</TITLE><SCRIPT>x</SCRIPT>text", "a web page: Up text"),
    ],
)
def test_of_a_page_its_title_and_shown_texts_are_said(page: str, said: str) -> None:
    assert words(page) == said


@pytest.mark.parametrize("charset", ["hex", "idna", "rot13", "punycode", "undefined", "utf-16", "nosuch"])
def test_an_error_in_any_charset_has_its_status_and_words(charset: str) -> None:
    body = b'{"error": {"message": "no such model"}}'
    with served([_reply(400, body, f"application/json; charset={charset}")]) as address:
        client = endpoint.client(openai.OpenAI, address, "NO_KEY", max_retries=0)
        create = client.chat.completions.with_raw_response.create
        received = sending.receive_blocking(create, model="m", messages=[])
    assert (received.status, words(received.body)) == (400, "no such model")


def test_an_answer_and_a_batch_have_no_lone_surrogates() -> None:
    choice = {"message": {"content": "", "tool_calls": [{"function": {"name": "f\ud800"}}]}, "finish_reason": "x\udfff"}
    read = completion.read(json.dumps({"choices": [choice]}).encode(), "chat")
    assert not isinstance(read, Completion)
    assert read.words.encode()
    pair = {"choices": [{"message": {"content": "a\U0001f600b\ud83d"}}]}
    whole = completion.read(json.dumps(pair).encode(), "chat")
    assert isinstance(whole, Completion)
    assert whole.text == "a\U0001f600b\ufffd"
    line = {"custom_id": "q", "error": {"code": "\ud800", "message": "m"}}
    assert [each.code.encode() for each in batches.read_lines(json.dumps(line).encode())] == ["\ufffd".encode()]


async def test_ids_and_counts_of_a_batch_are_what_a_store_and_a_request_take() -> None:
    counts = {"total": 10**30, "completed": 2**63, "failed": 3}
    body = json.dumps({"id": "b\ud800", "status": "\udfff", "request_counts": counts}).encode()
    with served([_reply(200, body)]) as address:
        at = BatchEndpoint(address, "NO_KEY", "judge")
        seen = await at.look("batch-1")
        with suppress(batches.BatchRefusedError):
            await at.look(seen.id)
        await at.close()
    assert (seen.id, seen.status) == ("b\ufffd", "\ufffd")
    assert (seen.total, seen.completed, seen.failed) == (0, 0, 3)
