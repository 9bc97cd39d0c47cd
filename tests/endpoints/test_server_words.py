"""The server's own words, in the bodies that servers and proxies really send."""

import json

import pytest

from qtui.endpoints.server_words import words

NESTED = json.dumps(
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "too long", "type": "invalid_request_error", "param": None, "code": None}}, "too long"),
        ({"error": {"message": "no", "param": "seed", "code": "x_y"}}, "no (param seed, code x_y)"),
        ({"error": "the words of LM Studio"}, "the words of LM Studio"),
        ({"error": "Input validation error", "error_type": "validation"}, "Input validation error"),
        (
            [{"error": {"code": 400, "message": "the words of Gemini", "status": "INVALID_ARGUMENT"}}],
            "the words of Gemini",
        ),
        ({"object": "error", "message": "the words of SGLang", "type": "BadRequestError"}, "the words of SGLang"),
        ({"message": "the words of Cohere"}, "the words of Cohere"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "body.model: field required"),
        (
            {"object": "error", "message": json.loads(NESTED)},
            "body.seed: Extra inputs are not permitted (type extra_forbidden)",
        ),
        ({"object": "error", "message": NESTED}, "body.seed: Extra inputs are not permitted (type extra_forbidden)"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "busy", "provider_name": "X"}}},
            "Provider returned error; busy",
        ),
        ({"errors": [{"message": "one"}, {"message": "two"}], "success": False}, "one; two"),
        ({"error": {"cause": '{"error": {"message": "inner"}}', "message": "outer"}}, "inner; outer"),
        ({"error": {"code": "DeploymentNotFound"}}, "code DeploymentNotFound"),
        ({"fault": {"faultstring": "Invalid ApiKey"}}, "Invalid ApiKey"),
        ("a text in JSON", "a text in JSON"),
        ({"anything": 1}, '{"anything": 1}'),
    ],
)
def test_the_words_are_found_in_every_shape(body: object, said: str) -> None:
    assert words(json.dumps(body).encode()) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"upstream connect error", "upstream connect error"),
        (b"", ""),
        (b"\xef\xbb\xbf{\"error\": \"after a mark\"}", "after a mark"),
        (b"<html><head><title>502 Bad Gateway</title><style>x</style></head><body><h1>502 Bad Gateway</h1>nginx</body></html>",
         "a web page: 502 Bad Gateway nginx"),
        (b'data: {"error": {"message": "overloaded"}}\n\ndata: [DONE]\n', "overloaded"),
        (b'{"error": "first line"}\n{"done": true}\n', "first line"),
        ("モデルがありません".encode(), "モデルがありません"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": "half \\ud83d"}', "half ?"),
    ],
)  # fmt: skip
def test_words_that_are_not_in_json_are_found_too(body: bytes, said: str) -> None:
    assert words(body) == said


def test_what_a_server_repeats_of_the_request_is_left_out() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "too long", "input": "the whole prompt"}]}
    assert "prompt" not in words(json.dumps(body))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 50_000, b'"{' * 5000])
def test_a_body_that_is_nested_too_deeply_is_no_error(body: bytes) -> None:
    assert words(body)
