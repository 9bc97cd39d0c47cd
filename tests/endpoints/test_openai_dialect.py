"""What is left out of a request after a refusal, in the words of real servers."""

from typing import Any

import pytest

from qtui.endpoints.openai_dialect import Dialect, SharedDialect, initial_dialect
from qtui.records import Sampling

FIRST = initial_dialect("http://host/v1")
SCHEMA = {"type": "object"}


def left_out(words: str, sampling: Sampling = Sampling(temperature=0.7, stop=("。",))) -> set[str]:  # noqa: B008
    """The names that are not sent any more after this refusal of a first request."""
    sent = FIRST.settings(sampling)
    other = FIRST.after_refusal(words, sent)
    return set(sent) - set(other.settings(sampling)) if other else set()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Unsupported parameter: 'seed' is not supported with this model. (param seed)", {"seed"}),
        ('Invalid JSON payload received. Unknown name "seed": Cannot find field.', {"seed"}),
        ('Unknown name "top_k": Cannot find field. Invalid JSON payload received. Unknown name "min_p": Cannot find field.',
         {"top_k", "min_p"}),
        ("body.seed: Extra inputs are not permitted; body.repeat_penalty: Extra inputs are not permitted",
         {"seed", "repeat_penalty"}),
        ("Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
         {"temperature"}),
        ("invalid temperature: only 1 is allowed for this model", {"temperature"}),
        ("`temperature` may only be set to 1 when thinking is enabled.", {"temperature"}),
        ("temperature is deprecated for this model.", {"temperature"}),
        ("Model incompatible request argument supplied: temperature", {"temperature"}),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", {"top_p"}),
        ("Unrecognized request arguments supplied: min_p, repeat_penalty, repetition_penalty, top_k",
         {"min_p", "repeat_penalty", "repetition_penalty", "top_k"}),
        ("Argument not supported on this model: topK", {"top_k"}),
        ("Unsupported parameter: 'stop' is not supported with this model.", {"stop"}),
        ("Input validation error: `top_p` must be > 0.0 and < 1.0. `None` is accepted", {"top_p"}),
        ("top_k must be -1 (disable), or at least 1, got 0.", {"top_k"}),
        ("unknown field `min_p`, expected one of `model`, `temperature`, `top_p`, `seed`", {"min_p"}),
        ("Parameter min_p is unknown. Supported parameters: temperature, seed, top_p", {"min_p"}),
        ("不支持参数 seed", {"seed"}),
        ("seed はサポートされていません", {"seed"}),
        ("create() got an unexpected keyword argument 'min_p'", {"min_p"}),
        ("Unknown parameter (param top_k)", {"top_k"}),
    ],
)  # fmt: skip
def test_exactly_what_is_refused_is_left_out(words: str, names: set[str]) -> None:
    assert left_out(words) == names


@pytest.mark.parametrize(
    "words",
    [
        "temperature must be between 0 and 0.5",
        "This model's maximum context length is 2048 tokens, however you requested 5000 tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 2048 tokens",
        "Your prompt was flagged. Please stop; this is not allowed.",
        "Bad request",
        "",
    ],
)
def test_a_refusal_for_another_reason_leaves_everything(words: str) -> None:
    assert left_out(words) == set()


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "body.max_tokens: Extra inputs are not permitted",
    ],
)
def test_the_limit_is_never_left_out_but_takes_its_newer_name(words: str) -> None:
    other = FIRST.after_refusal(words, FIRST.settings(Sampling()))
    assert other is not None
    settings = other.settings(Sampling(max_tokens=7))
    assert (settings["max_completion_tokens"], "max_tokens" in settings) == (7, False)


def test_names_that_were_left_out_are_those_of_the_sampling() -> None:
    refused = Dialect(True, refused=frozenset(("seed", "repeat_penalty", "top_k")))
    assert refused.left_out(Sampling()) == ("seed", "top_k"), "the penalty has its other name"
    both = Dialect(True, refused=frozenset(("repetition_penalty", "repeat_penalty")))
    assert both.left_out(Sampling()) == ("repetition_penalty",)
    assert Dialect(False, refused=frozenset(("top_k",))).left_out(Sampling()) == (), (
        "OpenAI is not asked to switch it off"
    )


@pytest.mark.parametrize(
    "words",
    ["'response_format.type' must be 'json_schema'", "json_schema is not supported", "guided decoding is disabled",
     "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."],
)  # fmt: skip
def test_a_refused_form_of_reply_is_followed_by_a_looser_one(words: str) -> None:
    dialect: Dialect | None = initial_dialect(None, "json_schema")
    forms: list[Any] = []
    while dialect is not None:
        sent = dialect.settings(Sampling(), schema=SCHEMA)
        forms.append(sent.get("response_format", {}).get("type"))
        dialect = dialect.after_refusal(words, sent)
    assert forms == ["json_schema", "json_object", None]


def test_requests_that_are_under_way_share_what_they_learn() -> None:
    shared = SharedDialect(FIRST)
    sent = FIRST.settings(Sampling())
    assert shared.after_refusal(FIRST, "unknown parameter 'seed'", sent) == shared.now
    learned = shared.after_refusal(FIRST, "unknown parameter 'top_k'", sent)
    assert learned == shared.now, "the second asks again with what the first has learned"
    assert shared.after_refusal(shared.now, "no idea", sent) is None
