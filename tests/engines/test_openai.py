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

Reply = Callable[[dict[str, Any], int], tuple[int, Any]]


class Endpoint:
    """`reply` gets a request's body and how many came before it; it gives the status and the body to send, as bytes or for JSON."""

    def __init__(self) -> None:
        self.reply: Reply = lambda body, _: (200, completion("答え：" + body["messages"][-1]["content"]))
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
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
                endpoint.paths.append(self.path)
                endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, reply = endpoint._take(body, self.headers.get("Authorization"))
                data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if status == 429 or status >= 500:
                    self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def _take(self, body: dict[str, Any], key: str | None) -> tuple[int, Any]:
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
    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 1)
    endpoint.server.shutdown()
    endpoint.server.server_close()
    with pytest.raises(UserError, match=f"{endpoint.url}: cannot be reached"):
        events(endpoint, requests()[:1])


def refuse(name: str, words: Any) -> Reply:
    """A server that refuses a setting in these words, and answers without it."""
    return lambda body, _: (400, words) if name in body else (200, completion("答え"))


GEMINI = [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}}]
MISTRAL = {
    "object": "error",
    "message": {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
}
FASTAPI = {
    "detail": [
        {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 42}
    ]
}


@pytest.mark.parametrize(
    "words", [GEMINI, MISTRAL, FASTAPI, b"unknown field `seed`", {"message": "Unknown parameter", "param": "seed"}]
)
def test_a_setting_that_a_server_refuses_in_any_shape_is_left_out_and_kept_with_the_answer(
    endpoint: Endpoint, words: Any
) -> None:
    endpoint.reply = refuse("seed", words)
    found = events(endpoint, requests()[:3], slots=1)
    assert [event.left_out for event in found] == [("seed",)] * 3
    assert ["seed" in body for body in endpoint.bodies] == [True, False, False, False], "refused once and for all"


def test_a_temperature_that_a_model_does_not_take_is_left_out(endpoint: Endpoint) -> None:
    refusal = (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
    )
    endpoint.reply = refuse(
        "temperature", {"error": {"message": refusal, "param": "temperature", "code": "unsupported_value"}}
    )
    assert [event.left_out for event in events(endpoint, requests()[:1])] == [("temperature",)]


TEMPLATE, EFFORT = "chat_template_kwargs", "reasoning_effort"


@pytest.mark.parametrize(
    ("settings", "refused", "left_out"),
    [
        ({"thinking": False}, (TEMPLATE,), (TEMPLATE,)),
        ({"thinking": True}, (TEMPLATE,), (TEMPLATE,)),
        ({"template_args": {"colour": 1}}, (TEMPLATE,), (TEMPLATE,)),
        ({"thinking": "high"}, (TEMPLATE,), ()),
        ({"thinking": "high"}, (EFFORT,), ()),
        ({"thinking": "high"}, (TEMPLATE, EFFORT), (TEMPLATE, EFFORT)),
        ({"thinking": "low", "template_args": {"colour": 1}}, (TEMPLATE,), (TEMPLATE,)),
        ({"thinking": False}, (TEMPLATE, "seed"), (TEMPLATE, "seed")),
        ({}, (TEMPLATE,), ()),
    ],
)
def test_a_setting_of_thinking_that_is_refused_is_left_out_and_kept_unless_another_says_the_same(
    endpoint: Endpoint, settings: dict[str, Any], refused: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    def reply(body: dict[str, Any], _: int) -> tuple[int, Any]:
        name = next((name for name in refused if name in body), None)
        words = f"Unrecognized request argument supplied: {name}"
        return (400, {"error": {"message": words}}) if name else (200, completion("答え"))

    endpoint.reply = reply
    [event] = events(endpoint, requests()[:1], **settings)
    assert (event.text, event.left_out) == ("答え", left_out)
    assert not set(refused) & set(endpoint.bodies[-1])


def test_an_answer_whose_settings_were_all_taken_has_left_nothing_out(endpoint: Endpoint) -> None:
    assert {event.left_out for event in events(endpoint, requests())} == {()}


def test_a_value_that_is_out_of_range_is_no_reason_to_drop_what_was_asked_for(endpoint: Endpoint) -> None:
    endpoint.reply = lambda *_: (400, {"detail": "temperature must be between 0 and 1"})
    (event,) = events(endpoint, requests(Sampling(32, temperature=1.5))[:1])
    assert "refused the request (400): temperature must be between 0 and 1" in event.reason
    assert len(endpoint.bodies) == 1


ODD = {
    "page": (b"<html><head><title>Please log in</title></head></html>", "a web page: Please log in"),
    "events": (b'data: {"choices": []}\n\ndata: [DONE]\n', "not OpenAI's protocol"),
    "no message": (
        {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}], "usage": None},
        "without a message",
    ),
    "filtered": (completion(None, "content_filter"), "filtered the answer"),
    "tool": (
        {"choices": [{"message": {"content": None, "tool_calls": [{"function": {"name": "f"}}]}}]},
        "call of a tool",
    ),
    "error": (
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "it is busy"}}},
        "it is busy",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_reply_that_is_none_costs_one_answer_with_its_reason(endpoint: Endpoint, name: str) -> None:
    sent, reason = ODD[name]
    is_odd: Callable[[dict[str, Any]], bool] = lambda body: body["messages"][0]["content"] == QUESTIONS[1]  # noqa: E731
    endpoint.reply = lambda body, _: (200, sent if is_odd(body) else completion("答え"))
    found = {event.index: event for event in events(endpoint, requests(), slots=1)}
    odd = found.pop(1)
    assert isinstance(odd, Unanswered)
    assert reason in odd.reason
    assert len(found) == len(QUESTIONS) - 1
    assert all(isinstance(event, Answered) for event in found.values())


def test_half_a_character_in_an_answer_can_be_stored(endpoint: Endpoint) -> None:
    endpoint.reply = lambda *_: (200, completion("半分 \ud83d"))
    assert [event.text.encode() for event in events(endpoint, requests()[:1])] == ["半分 \ufffd".encode()]


@pytest.mark.parametrize(
    ("status", "sent"),
    [(400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]), (400, b"Model Not Exist"),
     (402, {"error": {"message": "Insufficient Balance"}}), (401, {"detail": "the words"}), (404, b"<h1>no such path</h1>")],
)  # fmt: skip
def test_a_failure_of_every_request_ends_the_variant_at_the_first_in_the_servers_words(
    endpoint: Endpoint, status: int, sent: Any
) -> None:
    endpoint.reply = lambda *_: (status, sent)
    with pytest.raises(UserError, match=r"not valid|Not Exist|Insufficient|the words|no such path"):
        events(endpoint, requests(), slots=1)
    assert len(endpoint.bodies) == 1


def test_an_endpoint_that_refuses_everything_is_given_up_after_a_few_requests(endpoint: Endpoint) -> None:
    endpoint.reply = lambda *_: (400, b"computer says no")
    asked = [Request(index, Prompt(str(index), False), Sampling(max_tokens=8)) for index in range(40)]
    with pytest.raises(
        UserError, match=r"8 requests in a row had no usable reply; the last one \(400\): computer says no"
    ):
        events(endpoint, asked, slots=1)
    assert len(endpoint.bodies) == 8


def test_a_query_of_an_address_is_sent_with_every_request_and_azure_gets_its_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_KEY", "sk-azure-0123")
    root = endpoint.url.removesuffix("/v1")
    addresses = ("/openai/deployments/d", "/openai/deployments/d/", "/openai/deployments/d/chat/completions")
    for address in addresses:
        endpoint.url = f"{root}{address}?api-version=2024-10-21"
        events(endpoint, requests()[:1], api_key_env="AZURE_KEY")
    assert endpoint.paths == ["/openai/deployments/d/chat/completions?api-version=2024-10-21"] * 3
    assert {header["api-key"] for header in endpoint.headers} == {"sk-azure-0123"}


def test_the_path_of_a_request_at_the_end_of_an_address_is_not_repeated(endpoint: Endpoint) -> None:
    endpoint.url += "/chat/completions"
    events(endpoint, requests()[:1])
    assert (endpoint.paths, "api-key" in endpoint.headers[0]) == (["/v1/chat/completions"], False)


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
