"""Choices at endpoints: by echo, by vLLM's prompt_logprobs, and endpoints that give neither."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from qtui.engines.choices import endpoint as choice_endpoint
from qtui.engines.protocol.answering import Answered, Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.conftest import variant
from tests.engines.test_openai import Endpoint, completion, endpoint

__all__ = ["endpoint"]
CHOICES = ("red", "dark blue", "no")


def tokens(text: str) -> list[str]:
    """Words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def logp(token: str) -> float:
    return -float(sum(token.encode()) % 97) / 10


def echoing(body: dict[str, Any], _: int) -> tuple[int, Any]:
    given = [*tokens(body["prompt"]), " drawn"]
    logprobs = {"tokens": given, "token_logprobs": [None, *map(logp, given[1:])]}
    usage = {"prompt_tokens": len(given) - 1, "completion_tokens": 1}
    return 200, {"choices": [{"text": "".join(given), "logprobs": logprobs, "finish_reason": "length"}], "usage": usage}


def of_vllm(body: dict[str, Any], _: int) -> tuple[int, Any]:
    messages = body["messages"]
    text = "user " + messages[0]["content"] + " assistant:"
    if messages[-1]["role"] == "assistant":
        assert body["continue_final_message"] is True
        assert body["add_generation_prompt"] is False
        text += " " + messages[-1]["content"]
    listed: list[Any] = [{token: {"logprob": logp(token)}, "99": {"logprob": -0.1}} for token in tokens(text)]
    return 200, {**completion("x"), "prompt_logprobs": [None, *listed[1:]]}


def requests(api: str) -> list[Request]:
    before = "" if api == "chat" else " "
    prompt = Prompt("The sky is", False, choices=CHOICES, continuations=tuple(before + choice for choice in CHOICES))
    return [Request(0, prompt, Sampling())]


def answers(found: Endpoint, api: str) -> Iterator[Answered | Unanswered]:
    engine = choice_endpoint.load_engine(variant("openai", "m", base_url=found.url, api=api), requests(api))
    return (each for each in engine.answer(requests(api)) if isinstance(each, Answered | Unanswered))


EXPECTED = [(logp(" red"), 1), (logp(" dark") + logp(" blue"), 2), (logp(" no"), 1)]


@pytest.mark.parametrize(("api", "reply"), [("completions", echoing), ("chat", of_vllm)])
def test_the_sums_are_those_of_the_choice_alone(endpoint: Endpoint, api: str, reply: Any) -> None:
    endpoint.reply = reply
    answer = next(answers(endpoint, api))
    assert isinstance(answer, Answered)
    scores = answer.choice_scores or ()
    assert [each.tokens for each in scores] == [tokens for _, tokens in EXPECTED]
    assert [each.log_likelihood for each in scores] == pytest.approx([value for value, _ in EXPECTED])
    assert answer.text == CHOICES[max(range(3), key=lambda i: EXPECTED[i][0])]


@pytest.mark.parametrize("api", ["completions", "chat"])
@pytest.mark.parametrize(
    "reply",
    [
        (200, completion("only an answer")),
        (400, {"error": {"message": "echo is not supported"}}),
        (200, {"choices": [{"logprobs": {"tokens": [" drawn"], "token_logprobs": [-1.0]}}], "usage": {}}),
    ],
)
def test_an_endpoint_without_them_is_refused_before_it_answers(endpoint: Endpoint, api: str, reply: Any) -> None:
    endpoint.reply = lambda _body, _before: reply
    with pytest.raises(UserError, match='does not return log-probabilities of given text; use by = "generation"'):
        next(answers(endpoint, api))


def test_a_wrong_key_is_said_to_be_one(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _body, _before: (401, {"error": {"message": "bad key"}})
    with pytest.raises(UserError, match="key"):
        next(answers(endpoint, "completions"))


def test_a_template_that_writes_the_turn_otherwise_costs_the_answer(endpoint: Endpoint) -> None:
    def rewritten(body: dict[str, Any], before: int) -> tuple[int, Any]:
        status, reply = of_vllm(body, before)
        if body["messages"][-1]["role"] == "assistant":
            reply["prompt_logprobs"].insert(1, {"<think>": {"logprob": -1.0}})
        return status, reply

    endpoint.reply = rewritten
    answer = next(answers(endpoint, "chat"))
    assert isinstance(answer, Unanswered)
    assert "another prompt" in answer.reason
