"""Endpoints on 127.0.0.1 with hostile replies of any status: asked for answers, choices, grades and batches as a run asks them."""

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from qtui.endpoints import rate_limits, sending
from qtui.endpoints.batches import BatchEndpoint, read_lines
from qtui.engines import openai as engine
from qtui.engines.choices import endpoint as choices
from qtui.engines.protocol.answering import Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.judges import batch_replies
from qtui.judges.openai import OpenAIJudge
from qtui.judges.protocol import Question
from qtui.records import JudgeFacts, JudgeSpec, Sampling, VariantSpec
from tests.fuzz import mutation
from tests.fuzz.arena import Kind
from tests.fuzz.endpoint_kinds import ERROR, LINE, OTHERS, REPLY

KEY = "FUZZ_KEY"
FILE: dict[str, Any] = {"id": "file-1", "object": "file", "filename": "qtui.jsonl", "bytes": 10, "purpose": "batch"}
BATCH: dict[str, Any] = {
    "id": "batch-1", "object": "batch", "status": "completed", "input_file_id": "file-1", "output_file_id": "file-2",
    "error_file_id": None, "request_counts": {"total": 1, "completed": 1, "failed": 0}, "metadata": {"qtui": "mark"},
    "errors": {"data": [{"code": "c", "message": "m", "line": 1, "param": None}]},
}  # fmt: skip
LIST: dict[str, Any] = {"object": "list", "data": [BATCH, FILE], "has_more": True, "last_id": "batch-1"}
ECHO: dict[str, Any] = {
    "choices": [{"index": 0, "text": "Q: A", "finish_reason": "length", "logprobs": {
        "tokens": ["Q", ":", " A", "!"], "token_logprobs": [None, -1.0, -0.5, -2.0]}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}  # fmt: skip
BODIES = {"chat": REPLY, "completions": ECHO, "choices": ECHO, "judge": REPLY, "batch": BATCH}
HEADERS = (
    "Retry-After", "retry-after-ms", "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens", "anthropic-ratelimit-requests-reset",
    "Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Location", "Date",
)  # fmt: skip
VALUES = (
    "0", "1", "-1", "1e400", "nan", "inf", "99999999999999999999", "6m0s", "1ms", "-5s", "", "x" * 5000, "gzip", "br",
    "deflate", "chunked", "text/html; charset=nosuch", "application/json; charset=utf-16", "Fri, 31 Feb 2026 99:99:99 GMT",
    "\xff\xfe", "/v1/other", "http://127.0.0.1:1/", "2026-01-01T00:00:00Z", "9999-99-99", "1h1h1h", "²",
)  # fmt: skip
STATUSES = (
    200,
    200,
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    307,
    400,
    401,
    402,
    403,
    404,
    413,
    422,
    429,
    500,
    501,
    503,
    529,
    999,
)
REPLIES = 6


def _make_endpoint(random: Random, folder: Path) -> None:
    way = random.choice(sorted(BODIES))
    replies = [_reply(random, way).hex() for _ in range(REPLIES)]
    (folder / "replies.json").write_text(json.dumps({"way": way, "replies": replies}))


def _reply(random: Random, way: str) -> bytes:
    """A reply as bytes on the wire: status line, headers, body; each damaged sometimes."""
    if random.random() < 0.05:
        return random.choice(
            (b"", b"\r\n", b"HTTP/1.1 200 OK", b"garbage\n" * 100, b"HTTP/9.9 -1\r\n\r\n", b"HTTP/1.1 200 OK\r\n" * 300)
        )
    status = random.choice(STATUSES)
    body = _body(random, way, status)
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    if random.random() < 0.4:
        headers |= {random.choice(HEADERS): random.choice(VALUES) for _ in range(random.randint(1, 3))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1", errors="replace") + body


def _body(random: Random, way: str, status: int) -> bytes:
    if random.random() < 0.1:
        return random.choice(OTHERS)
    usual: Any = BODIES[way] if status < 300 else ERROR
    if way == "batch" and status < 300:
        usual = random.choice((BATCH, FILE, LIST, LIST, LINE))
    value = mutation.changed_value(random, usual) if random.random() < 0.7 else usual
    data = json.dumps(value).encode()
    return mutation.changed_bytes(random, data) if random.random() < 0.15 else data


@contextmanager
def served(replies: list[bytes]) -> Iterator[str]:
    """Reply to each connection with the next of these bytes, the first again after the last; the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    is_over = threading.Event()

    def serve() -> None:
        number = 0
        while not is_over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5.0)
                    _read_request(connection)
                    connection.sendall(replies[number % len(replies)])
                    number += 1

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        is_over.set()
        thread.join()
        listener.close()


def _read_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)


def _read_endpoint(folder: Path) -> None:
    """Ask it in one way. What qtui says of a reply must be a sentence, also where the reply only costs one answer."""
    os.environ[KEY] = "fuzz-key-0123456789"
    sending.TOTAL_SECONDS, sending.LONGEST_PAUSE, rate_limits.LONGEST_WAIT = 1.0, 0.2, 0.2
    asked = json.loads((folder / "replies.json").read_text())
    with served([bytes.fromhex(reply) for reply in asked["replies"]]) as address:
        said = list(WAYS[asked["way"]](address, asked["way"]))
    if said:
        raise UserError("\n".join(said))


def _answers(address: str, way: str) -> Iterator[str]:
    api: Any = "chat" if way == "chat" else "completions"
    variant = VariantSpec("model", "v", "openai", "served", "", base_url=address, api_key_env=KEY, api=api, slots=1)
    requests = [Request(number, Prompt("Q:", bos=False), Sampling(max_tokens=2)) for number in range(2)]
    for each in engine.load_engine(variant, requests).answer(requests):
        if isinstance(each, Unanswered):
            yield each.reason


def _choices(address: str, _: str) -> Iterator[str]:
    variant = VariantSpec(
        "model", "v", "openai", "served", "", base_url=address, api_key_env=KEY, api="completions", slots=1
    )
    prompt = Prompt("Q:", bos=False, choices=("A", "B"), continuations=(" A", " B"))
    requests = [Request(0, prompt, Sampling(max_tokens=2))]
    for each in choices.load_engine(variant, requests).answer(requests):
        if isinstance(each, Unanswered):
            yield each.reason


def _spec(address: str) -> JudgeSpec:
    return JudgeSpec("openai", "judge", address, KEY, concurrency=1)


def _grades(address: str, _: str) -> Iterator[str]:
    async def ask() -> list[str]:
        judge = OpenAIJudge(_spec(address), JudgeFacts())
        try:
            return [(await judge.grade(Question("q", "r", "c", "an answer"), 1)).reason for _ in range(2)]
        finally:
            await judge.close()

    yield from asyncio.run(ask())


def _batch(address: str, _: str) -> Iterator[str]:
    async def nothing(_: float) -> None:
        pass

    async def ask() -> list[str]:
        at = BatchEndpoint(address, KEY, "judge", pause=nothing)
        judge = OpenAIJudge(_spec(address), JudgeFacts())
        try:
            await at.find_file("qtui.jsonl")
            file = await at.upload("qtui.jsonl", b"{}\n")
            seen = await at.submit(file, "mark")
            seen = await at.look(seen.id)
            content = await at.content(seen.output_file)
            question = Question("q", "r", "c", "an answer")
            replies = [batch_replies.read(judge, line, question, judge.dialect) for line in read_lines(content)]
            await at.cancel(seen.id)
            return [*(str(problem.message) for problem in seen.problems), *(reply.reason for reply in replies)]
        finally:
            await at.close()
            await judge.close()

    yield from asyncio.run(ask())


WAYS = {"chat": _answers, "completions": _answers, "choices": _choices, "judge": _grades, "batch": _batch}
KINDS = (Kind("endpoint", _make_endpoint, _read_endpoint, weight=6, seconds=40.0),)
