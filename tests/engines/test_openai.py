"""The openai engine against a real HTTP server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.openai import load_engine
from qtui.engines.protocol.answering import Answered, Progress, Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.conftest import QUESTIONS, job, variant
from tests.engines.worker_process import WorkerProcess

Reply = Callable[[dict[str, Any], int], tuple[int, dict[str, Any]]]


class Endpoint:
    """`reply` gets a request's body and how many came before it; it gives the status and the body to send."""

    def __init__(self) -> None:
        self.reply: Reply = lambda body, _: (200, completion("答え：" + body["messages"][-1]["content"]))
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, reply = endpoint._take(body, self.headers.get("Authorization"))
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status == 429:
                    self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def _take(self, body: dict[str, Any], key: str | None) -> tuple[int, dict[str, Any]]:
        with self._lock:
            before = len(self.bodies)
            self.bodies.append(body)
            self.keys.append(key)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.gate.wait(timeout=20)
        try:
            return self.reply(body, before)
        finally:
            with self._lock:
                self._now -= 1


def completion(text: str | None, reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.gate.set()
    made.server.shutdown()
    made.server.server_close()


def requests(sampling: Sampling | None = None, system: str | None = None) -> list[Request]:
    asked = sampling or Sampling(max_tokens=32)
    return [Request(index, Prompt(text, False, system=system), asked) for index, text in enumerate(QUESTIONS)]


def events(endpoint: Endpoint, asked: list[Request], **settings: Any) -> list[Any]:
    engine = load_engine(variant("openai", "a-model", base_url=endpoint.url, **settings), asked)
    return [event for event in engine.answer(asked) if isinstance(event, Answered | Unanswered)]


def test_a_whole_life_through_the_worker(endpoint: Endpoint, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("openai", "a-model", base_url=endpoint.url)))
    answers = {message.index: message for message in heard if isinstance(message, Answered)}
    assert {index: found.text for index, found in answers.items()} == {
        i: f"答え：{text}" for i, text in enumerate(QUESTIONS)
    }
    assert {(found.prompt_tokens, found.completion_tokens, found.finish_reason) for found in answers.values()} == {
        (7, 5, "stop")
    }
    assert worker.process.returncode == 0


ASKED = {
    "model": "a-model",
    "messages": [{"role": "user", "content": QUESTIONS[0]}],
    "max_tokens": 32,
    "temperature": 0.0,
    "seed": 42,
}
SWITCHED_OFF = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "repeat_penalty": 1.0}


def test_filters_that_were_not_asked_for_are_switched_off_so_that_no_default_of_the_server_comes_in(
    endpoint: Endpoint,
) -> None:
    events(endpoint, requests()[:1])
    assert endpoint.bodies == [ASKED | SWITCHED_OFF]


def test_a_server_that_does_not_know_a_filter_is_not_told_to_leave_it_off(endpoint: Endpoint) -> None:
    def reply(body: dict[str, Any], _: int) -> tuple[int, dict[str, Any]]:
        if "top_k" in body:
            return 400, {"error": {"message": "Unrecognized request argument supplied: top_k"}}
        return 200, completion("はい")

    endpoint.reply = reply
    found = events(endpoint, requests(), slots=4)
    assert all(isinstance(event, Answered) for event in found if not isinstance(event, Progress))
    assert endpoint.bodies[-1].keys() == (ASKED | SWITCHED_OFF).keys() - {"top_k"}, "the filters that it knows stay off"


def test_plain_completions_get_the_prompt_as_it_is(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _, __: (
        200,
        {
            "id": "1",
            "object": "text_completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "text": " はい", "finish_reason": "length", "logprobs": None}],
        },
    )
    (found,) = [event for event in events(endpoint, requests()[:1], api="completions") if isinstance(event, Answered)]
    assert (found.text, found.finish_reason) == (" はい", "length")
    assert endpoint.bodies[0]["prompt"] == QUESTIONS[0]
    assert "messages" not in endpoint.bodies[0]


def test_everything_that_was_asked_for_is_sent(endpoint: Endpoint) -> None:
    sampling = Sampling(32, 0.7, 0.9, 40, 0.05, 1.1, 7, stop=("。",))
    events(endpoint, requests(sampling, system="役割")[:1])
    (body,) = endpoint.bodies
    assert body["messages"][0] == {"role": "system", "content": "役割"}
    asked = {
        name: body[name] for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop")
    }
    assert asked == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "seed": 7,
        "stop": ["。"],
    }


def test_no_more_requests_than_slots_are_under_way(endpoint: Endpoint) -> None:
    endpoint.gate.clear()
    collected: list[Any] = []
    thread = threading.Thread(target=lambda: collected.extend(events(endpoint, requests(), slots=3)))
    thread.start()
    wait_for(lambda: endpoint.most_at_once == 3)
    endpoint.gate.set()
    thread.join(timeout=20)
    assert len(collected) == len(QUESTIONS)
    assert endpoint.most_at_once == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.reply = lambda _, before: (
        (status, {"error": {"message": "busy"}}) if before == 0 else (200, completion("答え"))
    )
    assert [event.text for event in events(endpoint, requests()[:1])] == ["答え"]
    assert len(endpoint.bodies) == 2


def test_a_refused_key_names_its_variable_and_not_the_key(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-value")
    endpoint.reply = lambda *_: (401, {"error": {"message": "bad key secret-value"}})
    with pytest.raises(UserError, match="MY_KEY was refused") as raised:
        events(endpoint, requests(), api_key_env="MY_KEY")
    assert "secret-value" not in str(raised.value)
    assert endpoint.keys[0] == "Bearer secret-value"


def test_a_key_that_is_not_set_is_an_error_before_any_request(endpoint: Endpoint) -> None:
    with pytest.raises(UserError, match=r"MISSING_KEY .*is not set"):
        events(endpoint, requests(), api_key_env="MISSING_KEY")
    assert not endpoint.bodies


def test_one_refused_request_leaves_the_others(endpoint: Endpoint) -> None:
    def reply(body: dict[str, Any], _: int) -> tuple[int, dict[str, Any]]:
        if body["messages"][0]["content"] == QUESTIONS[4]:
            return 400, {"error": {"message": "the context is too short"}}
        return 200, completion("答え")

    endpoint.reply = reply
    found = {event.index: event for event in events(endpoint, requests())}
    assert len(found) == len(QUESTIONS)
    refused = found.pop(4)
    assert isinstance(refused, Unanswered)
    assert "context is too short" in refused.reason
    assert all(isinstance(event, Answered) for event in found.values())


def test_the_newer_name_of_the_limit_is_tried_where_it_is_asked_for(endpoint: Endpoint) -> None:
    def reply(body: dict[str, Any], _: int) -> tuple[int, dict[str, Any]]:
        if "max_tokens" in body:
            return 400, {"error": {"message": "Use 'max_completion_tokens' instead of 'max_tokens'."}}
        return 200, completion("答え")

    endpoint.reply = reply
    assert [event.text for event in events(endpoint, requests()[:2], slots=1)] == ["答え", "答え"]
    assert [next(name for name in body if name.startswith("max")) for body in endpoint.bodies] == [
        "max_tokens",
        "max_completion_tokens",
        "max_completion_tokens",
    ]


@pytest.mark.parametrize(
    ("reason", "expected"), [("stop", "stop"), ("length", "length"), ("model_length", "length"), ("other", "unknown")]
)
def test_finish_reasons(endpoint: Endpoint, reason: str, expected: str) -> None:
    endpoint.reply = lambda *_: (200, completion(None, reason))
    (event,) = events(endpoint, requests()[:1])
    assert (event.text, event.finish_reason) == ("", expected)


def test_a_model_that_the_endpoint_does_not_know_is_named(endpoint: Endpoint) -> None:
    endpoint.reply = lambda *_: (404, {"error": {"message": "no"}})
    with pytest.raises(UserError, match='no model "a-model"'):
        events(endpoint, requests())


def test_a_server_that_is_not_there_is_named(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.engines.openai.REQUEST_TRIES", 1)
    endpoint.server.shutdown()
    endpoint.server.server_close()
    with pytest.raises(UserError, match=f"{endpoint.url}: cannot be reached"):
        events(endpoint, requests()[:1])


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
