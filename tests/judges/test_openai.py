import json
import socket
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.judges import Question, Reply, create_judge
from qtui.judges.openai import REPLY_TRIES
from qtui.records import JudgeSpec
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
    monkeypatch.setattr("qtui.judges.openai.REQUEST_TRIES", 1)
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
        '{"choices": [5]}',
        '{"choices": [{"message": {"content": [1]}}]}',
    ],
)
async def test_a_server_of_another_protocol_stops_the_judge_and_is_named(body: str) -> None:
    with pytest.raises(UserError, match=r"judge openai:grader at http.*does not speak OpenAI's protocol"):
        await ask(lambda *_: Failure(200, body.encode()))


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
