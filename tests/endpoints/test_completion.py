"""Bodies with status 200: which are answers, and why the others are none."""

import json
from typing import Any

import pytest

from qtui.endpoints.completion import Completion, read
from qtui.endpoints.failures import Failure, Scope


def body(message: Any, finish: str | None = "stop", **more: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "finish_reason": finish, "message": message}], **more}).encode()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("答え", "答え"),
        (None, ""),
        ("", ""),
        ([], ""),
        ([{"type": "text", "text": "一"}, {"type": "text", "text": "二"}], "一二"),
        (["一", "二"], "一二"),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "えーと"}]}, {"type": "text", "text": "答え"}],
            "答え",
        ),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_a_text_or_its_parts_are_an_answer(content: Any, text: str) -> None:
    found = read(body({"role": "assistant", "content": content}, "length"), "chat")
    assert isinstance(found, Completion)
    assert (found.text, found.finish_reason, found.server_finish) == (text, "length", "length")


@pytest.mark.parametrize(
    ("finish", "kept"),
    [("stop", "stop"), ("eos_token", "stop"), ("end_turn", "stop"), ("STOP", "stop"), ("length", "length"),
     ("MAX_TOKENS", "length"), ("model_length", "length"), ("other", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_reasons_of_an_end_in_the_words_of_several_servers(finish: str | None, kept: str) -> None:
    found = read(body({"content": "x"}, finish), "chat")
    assert isinstance(found, Completion)
    assert found.finish_reason == kept


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        "many",
        {"prompt_tokens": None, "completion_tokens": -1},
        {"prompt_tokens": True},
        {"prompt_tokens": "7"},
    ],
)
def test_a_usage_that_is_none_is_no_count(usage: Any) -> None:
    assert read(body({"content": "x"}, usage=usage), "chat") == Completion("x", "stop", server_finish="stop")


@pytest.mark.parametrize(
    "message",
    [
        {"content": "答え", "reasoning_content": "えーと"},
        {"content": "答え", "reasoning": " えーと\n"},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "えーと"}]},
                {"type": "text", "text": "答え"},
            ]
        },
        {"content": [{"type": "reasoning", "text": "えーと"}, {"type": "text", "text": "答え"}]},
    ],
)
def test_thoughts_of_several_servers_are_apart_from_the_answer(message: dict[str, Any]) -> None:
    found = read(body(message, usage={"completion_tokens_details": {"reasoning_tokens": 3}}), "chat")
    assert isinstance(found, Completion)
    assert (found.text, found.thoughts, found.thinking_tokens) == ("答え", "えーと", 3)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (body(None), "a choice without a message"),
        (body(None, "content_filter"), "filtered the answer"),
        (body({"content": "半分だ"}, "content_filter"), "filtered the answer"),
        (body({"content": None}, "SAFETY"), "filtered the answer"),
        (body({"content": None, "refusal": "I cannot help with that."}), "refused to answer: I cannot help with that."),
        (body({"content": None, "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]}, "tool_calls"),
         "a call of a tool in place of an answer: search"),
        (body({"content": "", "function_call": {"name": "f"}}, "function_call"), "a call of a tool in place of an answer: f"),
        (body({"content": ""}, "error"), "broke off"),
        (b'{"choices": []}', "a reply without choices"),
        (b'{"choices": [], "promptFeedback": {"reason": "BLOCKLIST"}}', "without choices: BLOCKLIST"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_answer_costs_one_question(sent: bytes, reason: str) -> None:
    found = read(sent, "chat")
    assert isinstance(found, Failure)
    assert reason in found.words
    assert found.scope is Scope.QUESTION


@pytest.mark.parametrize(
    ("sent", "words", "scope"),
    [
        ({"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "busy"}}}, "busy", Scope.UNCLEAR),
        ({"error": {"message": "slow down", "code": 429}}, "slow down", Scope.UNCLEAR),
        ({"error": {"message": "No credits", "code": 402}}, "No credits", Scope.ENDPOINT),
        ({"error": "Input validation error: `inputs` tokens: prompt is too long"}, "too long", Scope.QUESTION),
        ({"choices": [{"error": {"message": "it died", "code": 500}, "message": {"content": "ha"}}]}, "it died", Scope.UNCLEAR),
        ({"choices": None, "error": {"message": "x"}}, "x", Scope.UNCLEAR),
        ({"object": "error", "message": "the words of SGLang"}, "the words of SGLang", Scope.UNCLEAR),
        ({"detail": "gone"}, "gone", Scope.UNCLEAR),
    ],
)  # fmt: skip
def test_an_error_in_a_body_says_its_words(sent: object, words: str, scope: Scope) -> None:
    found = read(json.dumps(sent).encode(), "chat")
    assert isinstance(found, Failure)
    assert words in found.words
    assert found.scope is scope


@pytest.mark.parametrize(
    "sent",
    [
        b"<html><title>Log in</title></html>", b"", b"null", b"[]", b'"text"', b"{}", b"{cut off",
        b'{"choices": [5]}', b'{"choices": "x"}',
        b'{"choices": [{"message": "text"}]}', b'{"choices": [{"message": {"content": 5}}]}', b"\xff\xfe\x00", b"[" * 100_000,
        b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n',
        b'{"choices": [{"message": {"content": [{"type": "image"}]}}]}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("api", ["chat", "completions"])
def test_what_is_of_another_protocol_is_said_with_its_words(sent: bytes, api: Any) -> None:
    found = read(sent, api)
    assert isinstance(found, Failure)
    assert "not OpenAI's protocol" in found.words
    assert found.is_reply_of_model == (b'"choices"' in sent), "one reply of a server that else speaks the protocol"


@pytest.mark.parametrize(
    "choice",
    [
        None,
        {"message": "hi"},
        {"message": {"content": 4}},
        {"message": {"content": True}},
        {"message": {"content": {"grade": 4}}},
        {"message": {"content": [None]}},
        {"message": {"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}},
        {"message": {"content": None, "refusal": {"reason": "no"}}},
    ],
)
def test_an_odd_choice_is_no_answer_of_an_endpoint_that_speaks_the_protocol(choice: Any) -> None:
    found = read(json.dumps({"choices": [choice]}).encode(), "chat")
    assert isinstance(found, Failure)
    assert (found.status, found.is_reply_of_model) == (200, True)


@pytest.mark.parametrize(
    "body", [b'{"choices": [{"message": {"cont', b'{"choices": [{"message": {"content": "caf\xe9"}}]}']
)
def test_a_reply_that_is_damaged_is_one_of_an_endpoint_that_speaks_the_protocol(body: bytes) -> None:
    found = read(body, "chat")
    assert isinstance(found, Failure)
    assert found.is_reply_of_model


def test_an_error_in_a_list_is_the_servers_own_words() -> None:
    found = read(b'[{"error": {"message": "overloaded"}}]', "chat")
    assert isinstance(found, Failure)
    assert found.words == "sent an error: overloaded"


def test_numbers_of_tokens_that_cannot_be_are_unknown() -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": -1, "completion_tokens_details": {"reasoning_tokens": 2**70}}
    found = read(json.dumps({"choices": [{"message": {"content": "a"}}], "usage": usage}).encode(), "chat")
    assert isinstance(found, Completion)
    assert (found.prompt_tokens, found.completion_tokens, found.thinking_tokens) == (0, 0, None)


@pytest.mark.parametrize("reason", [7, ["stop"], {"a": 1}, True])
def test_a_finish_reason_that_is_no_text_is_not_taken_for_none(reason: Any) -> None:
    found = read(json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": reason}]}).encode(), "chat")
    assert isinstance(found, Completion)
    assert (found.finish_reason, found.server_finish) == ("unknown", json.dumps(reason))
