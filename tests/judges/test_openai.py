import json
import socket
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.judges import Question, Reply, create_judge
from qtui.judges.asking import REPLY_TRIES
from qtui.records import JudgeFacts, JudgeSpec
from tests.judges.endpoint import Failure, Say, endpoint

QUESTION = Question("俳句を一つ。", "古池や", "五七五か", "夏草や {pred} {input_text}")


def spec(base_url: str, **changes: object) -> JudgeSpec:
    return JudgeSpec("openai", model="grader", base_url=base_url, **changes)  # type: ignore[arg-type]


async def ask(say: Say, question: Question = QUESTION, **changes: object) -> tuple[Reply, list[str]]:
    with endpoint(say) as served:
        judge = create_judge(spec(served.base_url, **changes))
        try:
            return await judge.grade(question, 1), served.prompts
        finally:
            await judge.close()


async def test_grade_and_reason_are_read_from_the_json_reply() -> None:
    reply, _ = await ask(lambda *_: json.dumps({"reason": "よい", "grade": 4}))
    assert (reply.grade, reply.reason) == (4, "よい")


async def test_json_wrapped_in_prose_and_a_fence_is_read() -> None:
    reply, _ = await ask(lambda *_: '考えると {これ} です。\n```json\n{"reason": "x", "grade": "2"}\n```')
    assert reply.grade == 2


async def test_answer_with_braces_and_slot_names_reaches_the_judge_unchanged() -> None:
    _, prompts = await ask(lambda *_: '{"grade": 3}')
    assert QUESTION.answer in prompts[0]


async def test_template_of_the_user_is_filled_with_the_four_slots() -> None:
    template = "I:{input_text} O:{output_text} E:{eval_aspect} P:{pred} {other}"
    _, prompts = await ask(lambda *_: '{"grade": 3}', Question("a", "b", "c", "d"), prompt=template)
    assert prompts == ["I:a O:b E:c P:d {other}"]


async def test_empty_answer_is_graded_one_without_asking() -> None:
    reply, prompts = await ask(lambda *_: '{"grade": 5}', Question("a", "b", "c", " \n　"))
    assert (reply.grade, prompts) == (1, [])


@pytest.mark.parametrize("grade", ["0", "6", "3.5", "null", "true", '"vier"', "[3]"])
async def test_grade_that_is_no_whole_number_from_1_to_5_is_asked_again_and_then_ungraded(grade: str) -> None:
    reply, prompts = await ask(lambda *_: f'{{"reason": "x", "grade": {grade}}}')
    assert (reply.grade, len(prompts)) == (None, REPLY_TRIES)


async def test_readable_reply_after_an_unreadable_one_counts() -> None:
    reply, _ = await ask(lambda _, number: "十点満点です" if number == 0 else '{"grade": 5, "reason": ""}')
    assert reply.grade == 5


async def test_server_fault_and_rate_limit_are_tried_again() -> None:
    failures = {0: Failure(500), 1: Failure(429), 2: Failure(503)}
    reply, prompts = await ask(lambda _, number: failures.get(number, '{"grade": 4}'))
    assert (reply.grade, len(prompts)) == (4, 4)


async def test_refused_key_stops_the_judge_and_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-value")
    with pytest.raises(UserError, match=r"MY_KEY was refused \(401\)") as caught:
        await ask(lambda *_: Failure(401, {"error": {"message": "bad key secret-value"}}), api_key_env="MY_KEY")
    assert "secret-value" not in str(caught.value)


async def test_unknown_model_stops_the_judge_and_names_it() -> None:
    with pytest.raises(UserError, match='no model "grader" there'):
        await ask(lambda *_: Failure(404, {"error": {"message": "no"}}))


async def test_nobody_at_the_address_stops_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        judge = create_judge(spec(address))
        with pytest.raises(UserError, match="cannot be reached"):
            await judge.grade(QUESTION, 1)
        await judge.close()


def test_missing_key_for_the_cloud_is_said_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        create_judge(JudgeSpec("openai", model="gpt"))


def test_template_without_a_place_for_the_answer_is_refused() -> None:
    with pytest.raises(UserError, match=r"has no \{pred\}"):
        create_judge(spec("http://127.0.0.1:1/v1", prompt="no slot"))


def test_fingerprint_changes_with_model_and_template_and_not_with_concurrency() -> None:
    one = create_judge(spec("http://127.0.0.1:1/v1"))
    assert one.fingerprint == create_judge(spec("http://127.0.0.1:2/v1", concurrency=1)).fingerprint
    assert one.fingerprint != create_judge(spec("http://127.0.0.1:1/v1", prompt="{pred}")).fingerprint


@pytest.mark.parametrize(
    "body",
    [
        "<html>hello</html>",
        "{cut off",
        '"text"',
        "[]",
    ],
)
async def test_a_server_of_another_protocol_stops_the_judge_and_is_named(body: str) -> None:
    with pytest.raises(UserError, match=r"judge openai:grader at http.*does not speak OpenAI's protocol"):
        await ask(lambda *_: Failure(200, body.encode()))


@pytest.mark.parametrize(
    "body", ['{"choices": [5]}', '{"choices": [{"message": {"content": [1]}}]}', '{"choices": [{"mes']
)
async def test_an_odd_reply_to_the_first_question_costs_its_grade_and_not_the_judge(body: str) -> None:
    reply, _ = await ask(lambda *_: Failure(200, body.encode()))
    assert reply.grade is None
    assert "not OpenAI's protocol" in reply.reason


async def test_a_broken_body_between_good_ones_is_asked_again() -> None:
    reply, prompts = await ask(lambda _, number: Failure(200, b"\x1b[31m{") if number == 0 else '{"grade": 4}')
    assert (reply.grade, len(prompts)) == (4, 2)


@pytest.mark.parametrize("grade", ['"²"', '"' + "9" * 5000 + '"', "9" * 5000, "1e999", "{" * 20000])
async def test_grade_that_python_cannot_read_as_a_number_leaves_the_answer_ungraded(grade: str) -> None:
    reply, _ = await ask(lambda *_: f'{{"grade": {grade}}}')
    assert reply.grade is None


async def test_reason_with_half_a_character_can_be_stored() -> None:
    reply, _ = await ask(lambda *_: '{"grade": 3, "reason": "a\\ud83d"}')
    assert reply.reason.encode()


SWITCHED_OFF = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "repeat_penalty": 1.0}


async def bodies(say: Say, questions: int = 1) -> list[dict[str, Any]]:
    with endpoint(say) as served:
        judge = create_judge(spec(served.base_url))
        for number in range(questions):
            await judge.grade(Question("a", "b", "c", f"d{number}"), 1)
        await judge.close()
        return served.bodies


async def test_filters_of_a_server_are_switched_off_so_that_none_of_its_defaults_comes_in() -> None:
    (body,) = await bodies(lambda *_: '{"grade": 4}')
    assert {name: body[name] for name in SWITCHED_OFF} == SWITCHED_OFF
    assert (body["temperature"], "seed" in body) == (spec("x").temperature, False)


async def test_server_that_does_not_know_a_filter_is_asked_without_once_and_for_all() -> None:
    refused = Failure(400, {"error": {"message": "Unrecognized request argument supplied: repeat_penalty"}})
    first, second, third = await bodies(lambda _, number: refused if number == 0 else '{"grade": 4}', questions=2)
    assert set(SWITCHED_OFF) <= set(first)
    others = set(SWITCHED_OFF) - {"repeat_penalty"}
    assert (set(SWITCHED_OFF) & set(second), set(SWITCHED_OFF) & set(third)) == (others, others), (
        "what it knows stays off"
    )


async def test_server_that_knows_the_limit_by_its_newer_name_gets_that() -> None:
    refused = Failure(400, {"error": {"message": "Use 'max_completion_tokens' instead of 'max_tokens'."}})
    first, second = await bodies(lambda _, number: refused if number == 0 else '{"grade": 4}')
    assert first["max_tokens"] == second["max_completion_tokens"]
    assert "max_tokens" not in second


async def replies(say: Say, questions: int, **changes: object) -> tuple[list[Reply], list[dict[str, Any]]]:
    with endpoint(say) as served:
        judge = create_judge(spec(served.base_url, **changes))
        try:
            asked = [Question("a", "b", "c", f"d{number}") for number in range(questions)]
            return [await judge.grade(question, 1) for question in asked], served.bodies
        finally:
            await judge.close()


GOOD = '{"reason": "よい", "grade": 4}'
TOO_LONG = {"error": {"message": "This model's maximum context length is 2048 tokens."}}
FILTERED = {
    "choices": [{"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant", "content": None}}]
}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(400, TOO_LONG), "refused the question (400): This model's maximum context length is 2048 tokens."),
        (Failure(400, {"detail": "flagged by moderation"}), "flagged by moderation"),
        (Failure(403, {"error": {"message": "flagged by moderation"}}), "flagged by moderation"),
        (Failure(200, FILTERED), "filtered the answer"),
        (Failure(200, b"<title>Please wait</title>"), "Please wait"),
        (Failure(200, b'{"choices": [{"message": null}]}'), "without a message"),
        (Failure(400, b"computer says no"), "computer says no"),
    ],
)
async def test_a_question_that_is_refused_costs_that_grade_and_not_the_judge(failure: Failure, reason: str) -> None:
    found, _ = await replies(lambda prompt, _: failure if "d1" in prompt else GOOD, 3)
    assert [reply.grade for reply in found] == [4, None, 4]
    assert reason in found[1].reason


async def test_a_refusal_that_names_the_question_costs_only_the_grade_even_as_the_first() -> None:
    found, _ = await replies(lambda prompt, _: Failure(400, TOO_LONG) if "d0" in prompt else GOOD, 2)
    assert [reply.grade for reply in found] == [None, 4]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(400, b"Model Not Exist"),
        Failure(400, b'[{"error": {"message": "API key not valid."}}]'),
        Failure(402),
        Failure(404),
    ],
)
async def test_a_failure_of_every_question_stops_the_judge_after_the_first(failure: Failure) -> None:
    asked: list[int] = []

    def say(_: str, number: int) -> Failure:
        asked.append(number)
        return failure

    with pytest.raises(UserError):
        await replies(say, 5)
    assert asked == [0]


async def test_a_judge_that_refuses_everything_stops_after_a_few_questions() -> None:
    with pytest.raises(
        UserError, match=r"8 requests in a row had no usable reply; the last one \(400\): computer says no"
    ):
        await replies(lambda *_: Failure(400, b"computer says no"), 20)


def form(body: dict[str, Any]) -> str:
    return str(body.get("response_format", {"type": "text"})["type"])


async def test_replies_are_bound_to_a_schema() -> None:
    _, (body,) = await replies(lambda *_: GOOD, 1)
    schema = body["response_format"]["json_schema"]["schema"]
    assert (form(body), list(schema["properties"])) == ("json_schema", ["reason", "grade"])


@pytest.mark.parametrize(
    ("refused", "words", "forms"),
    [
        (("json_schema",), {"error": {"message": "response_format.type json_schema is not supported"}},
         ["json_schema", "json_object", "json_object", "json_object"]),
        (("json_schema", "json_object"), b"'response_format.type' must be 'text'",
         ["json_schema", "json_object", "text", "text", "text"]),
        (("json_schema",), b"bad request", ["json_schema", "json_object", "json_object", "json_object"]),
    ],
)  # fmt: skip
async def test_the_form_that_an_endpoint_takes_is_found_out_once_and_costs_no_grade(
    refused: tuple[str, ...], words: Any, forms: list[str]
) -> None:
    with endpoint(lambda *_: GOOD) as served:
        say = lambda _, number: Failure(400, words) if form(served.bodies[number]) in refused else GOOD  # noqa: E731
        with endpoint(say) as picky:
            served.bodies = picky.bodies
            judge = create_judge(spec(picky.base_url))
            grades = [(await judge.grade(Question("a", "b", "c", f"d{number}"), 1)).grade for number in range(3)]
            assert judge.facts.reply_form == forms[-1]
            await judge.close()
    assert (grades, [form(body) for body in picky.bodies]) == ([4, 4, 4], forms)


async def test_a_schema_under_which_nothing_readable_comes_is_given_up() -> None:
    found, asked = await replies(lambda _, number: "考え中" if number == 0 else GOOD, 2)
    assert [reply.grade for reply in found] == [4, 4]
    assert [form(body) for body in asked] == ["json_schema", "json_object", "json_object"]


@pytest.mark.parametrize(
    "reply", ['{"reason": "the limit of tokens came', '{"reason": "high", "grade": 35}', ' {"grade": 0}']
)
async def test_a_reply_in_the_form_that_has_no_grade_leaves_the_form(reply: str) -> None:
    """The endpoint did bind it; a looser form would not help."""
    found, asked = await replies(lambda _, number: reply if number == 0 else GOOD, 2)
    assert [reply.grade for reply in found] == [4, 4]
    assert [form(body) for body in asked] == ["json_schema"] * 3


OF_LLAMA_CPP_PYTHON = {
    "error": {
        "message": "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "
        "\"Input should be 'text' or 'json_object'\", 'input': 'json_schema'}",
        "type": "internal_server_error",
    }
}


async def test_a_server_that_takes_the_schema_beside_json_object_is_sent_it_there_at_once() -> None:
    """llama-cpp-python's server refuses the type with status 500, which is no fault that passes."""

    def say(_: str, number: int) -> str | Failure:
        return Failure(500, OF_LLAMA_CPP_PYTHON) if number == 0 else GOOD

    found, asked = await replies(say, 2)
    assert [reply.grade for reply in found] == [4, 4]
    assert [form(body) for body in asked] == ["json_schema", "json_object", "json_object"]
    schema = asked[0]["response_format"]["json_schema"]["schema"]
    assert [body["response_format"].get("schema") for body in asked] == [None, schema, schema]


async def test_a_server_that_refuses_the_schema_there_too_gets_any_json_object() -> None:
    def say(_: str, number: int) -> str | Failure:
        if number == 0:
            return Failure(
                422,
                {
                    "detail": [
                        {"loc": ["body", "response_format", "type"], "msg": "Input should be 'text' or 'json_object'"}
                    ]
                },
            )
        return (
            Failure(422, {"detail": "response_format.schema: Extra inputs are not permitted"}) if number == 1 else GOOD
        )

    found, asked = await replies(say, 1)
    assert [reply.grade for reply in found] == [4]
    assert [body["response_format"] for body in asked[1:]] == [asked[1]["response_format"], {"type": "json_object"}]
    assert "schema" in asked[1]["response_format"]


async def test_a_refusal_of_one_question_leaves_the_form() -> None:
    _, asked = await replies(lambda prompt, _: Failure(400, b"computer says no") if "d0" in prompt else GOOD, 2)
    assert [form(body) for body in asked] == ["json_schema", "json_object", "text", "json_schema"]


async def test_a_form_that_is_known_is_used_from_the_start() -> None:
    with endpoint(lambda *_: GOOD) as served:
        judge = create_judge(spec(served.base_url), JudgeFacts(reply_form="text", left_out=("top_p",)))
        await judge.grade(QUESTION, 1)
        await judge.close()
    assert (form(served.bodies[0]), judge.facts) == ("text", JudgeFacts("text", ("top_p",)))


async def test_what_a_judge_does_not_take_is_a_fact() -> None:
    refused = Failure(400, {"detail": "Unsupported value: 'temperature' does not support 0 with this model."})
    with endpoint(lambda _, number: refused if number == 0 else GOOD) as served:
        judge = create_judge(spec(served.base_url))
        assert (await judge.grade(QUESTION, 1)).grade == 4
        await judge.close()
    assert judge.facts.left_out == ("temperature",)


def test_an_address_in_the_environment_is_never_used_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://u:hunter2pw@127.0.0.1:9/v1")
    with pytest.raises(
        UserError, match=r"judge openai:gpt: no base_url .*OPENAI_BASE_URL names another: http://u:\*\*\*@127"
    ) as told:
        create_judge(JudgeSpec("openai", model="gpt"))
    assert "hunter2pw" not in str(told.value)
    create_judge(spec("http://127.0.0.1:1/v1"))
