"""A judge's requests over real HTTP: scales, messages, what is counted, and faults of endpoints of every kind."""

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.judges import Question, Reply, create_judge, fingerprint
from qtui.records import NOTHING_USED, JudgeSpec, Scale, Usage
from tests.judges.endpoint import Broken, Failure, Said, Say, endpoint

GOOD = '{"reason": "よい", "grade": 4}'
THREE = Scale(1, 3, ("wrong", "partly right", "right"))


def spec(base_url: str, **changes: Any) -> JudgeSpec:
    return JudgeSpec("openai", model="grader", base_url=base_url, **changes)


async def replies(
    say: Say, questions: int = 1, *, at_once: bool = False, **changes: Any
) -> tuple[list[Reply], list[dict[str, Any]]]:
    with endpoint(say) as served:
        judge = create_judge(spec(served.base_url, **changes))
        try:
            asked = [Question(f"q{number}", "r", "c", f"d{number}") for number in range(questions)]
            if at_once:
                return list(await asyncio.gather(*(judge.grade(each, 1) for each in asked))), served.bodies
            return [await judge.grade(each, 1) for each in asked], served.bodies
        finally:
            await judge.close()


@pytest.mark.parametrize(
    ("scale", "said", "grade"),
    [
        (Scale(1, 10), "10", 10), (Scale(1, 10), "0", None), (Scale(0, 100), "87", 87), (Scale(-1, 1), "-1", -1),
        (THREE, '"Partly right"', 2), (THREE, "4", None), (THREE, '"3"', 3), (Scale(1, 10), '"8/10"', None), (Scale(), "6", None),
    ],
)  # fmt: skip
async def test_a_reply_is_read_on_the_judges_scale(scale: Scale, said: str, grade: int | None) -> None:
    (reply,), bodies = await replies(lambda *_: f'{{"reason": "x", "grade": {said}}}', scale=scale)
    assert reply.grade == grade
    schema = bodies[0]["response_format"]["json_schema"]["schema"]["properties"]["grade"]
    assert (schema["minimum"], schema["maximum"]) == (scale.lowest, scale.highest)


async def test_an_empty_answer_gets_the_lowest_grade_of_the_scale_for_nothing() -> None:
    with endpoint(lambda *_: GOOD) as served:
        judges = [
            create_judge(each)
            for each in (spec(served.base_url, scale=Scale(0, 10)), JudgeSpec("reference", scale=THREE))
        ]
        found = [await judge.grade(Question("q", "r", "c", " "), 1) for judge in judges]
        for judge in judges:
            await judge.close()
    assert [(reply.grade, reply.usage) for reply in found] == [(0, NOTHING_USED), (1, NOTHING_USED)]
    assert not served.bodies


async def test_the_reference_judge_uses_its_whole_scale() -> None:
    judge = create_judge(JudgeSpec("reference", scale=Scale(1, 10)))
    found = [
        (await judge.grade(Question("q", "吾輩は猫である", "", answer), 1)).grade
        for answer in ("吾輩は猫である", "zzzz")
    ]
    assert found == [10, 1]


async def test_the_prompt_is_told_the_scale_with_its_labels() -> None:
    _, bodies = await replies(lambda *_: GOOD, scale=THREE)
    assert "1 = wrong\n2 = partly right\n3 = right" in bodies[0]["messages"][-1]["content"]


async def test_a_system_message_comes_first_and_has_slots_too() -> None:
    _, bodies = await replies(
        lambda *_: GOOD, system="Grade {scale}.", prompt="{input_text} {pred}", scale=Scale(1, 10)
    )
    assert bodies[0]["messages"] == [
        {"role": "system", "content": "Grade 1–10."}, {"role": "user", "content": "q0 d0"},
    ]  # fmt: skip


async def test_effort_is_sent_and_a_temperature_of_none_is_not() -> None:
    _, bodies = await replies(lambda *_: GOOD, temperature=None, reasoning_effort="high")
    assert ("temperature" in bodies[0], bodies[0]["reasoning_effort"]) == (False, "high")


async def test_an_effort_that_is_refused_stops_the_judge_and_is_never_left_out() -> None:
    refused = Failure(400, {"error": {"message": "Unsupported value: 'reasoning_effort' does not support 'max'."}})
    with pytest.raises(UserError, match='does not take reasoning_effort = "max"'):
        await replies(lambda *_: refused, reasoning_effort="max")


def test_a_fingerprint_changes_with_every_new_setting_and_only_then() -> None:
    plain = fingerprint(spec("http://x/v1"))
    assert plain == fingerprint(spec("http://x/v1", scale=Scale(), system=None))
    others: list[dict[str, Any]] = [
        {"scale": Scale(1, 10)}, {"scale": THREE}, {"scale": Scale(1, 3)}, {"system": "s"},
        {"reasoning_effort": "low"}, {"temperature": None},
    ]  # fmt: skip
    assert len({plain, *(fingerprint(spec("http://x/v1", **each)) for each in others)}) == 1 + len(others)


COUNTED = {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}}


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ([Said(GOOD, COUNTED)], Usage(1, 100, 64, 9)),
        ([Said(GOOD, {"prompt_tokens": 100, "completion_tokens": 9, "prompt_cache_hit_tokens": 3})], Usage(1, 100, 3, 9)),
        ([Said(GOOD, {"prompt_tokens": 100, "completion_tokens": 9})], Usage(1, 100, None, 9)),
        ([Said(GOOD)], Usage(1)),
        ([Said("?", COUNTED), Said(GOOD, COUNTED)], Usage(2, 200, 128, 18)),
        ([Failure(503), Failure(400, b"bad json_schema"), Said(GOOD, COUNTED)], Usage(3, 100, 64, 9)),
        ([Broken(), Said(GOOD, COUNTED)], Usage(2)),
    ],
)  # fmt: skip
async def test_every_request_is_counted_and_unknown_stays_unknown(said: list[Any], usage: Usage) -> None:
    (reply,), _ = await replies(lambda _, number: said[number])
    assert (reply.grade, reply.usage) == (4, usage)


async def test_half_replies_and_resets_are_asked_again() -> None:
    said: list[Any] = [Broken(b'{"choices": [{"index": 0, "message": {"role": "assi'), Broken(), GOOD]
    (reply,), bodies = await replies(lambda _, number: said[number])
    assert (reply.grade, len(bodies)) == (4, 3)


async def test_a_question_that_always_breaks_costs_its_grade_and_not_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 2)
    found, _ = await replies(lambda prompt, _: Broken() if "d1" in prompt else GOOD, 3)
    assert [reply.grade for reply in found] == [4, None, 4]
    assert "the connection broke before the reply was whole, 2 times" in found[1].reason
    assert found[1].is_refused, "it may be asked again"


async def test_no_reply_in_time_costs_the_grade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.judges.asking.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 1)
    found, _ = await replies(lambda prompt, _: Broken(seconds=1.0) if "d1" in prompt else GOOD, 3)
    assert [reply.grade for reply in found] == [4, None, 4]
    assert "no reply in time" in found[1].reason


async def test_an_endpoint_that_only_breaks_stops_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.endpoints.sending.TRIES", 2)
    with pytest.raises(
        UserError, match=r"the connection broke before the reply was whole.*What was done so far is kept"
    ):
        await replies(lambda *_: Broken(), 3)


async def test_a_quota_that_is_used_up_stops_the_judge_after_one_request() -> None:
    asked: list[int] = []

    def say(_: str, number: int) -> Failure:
        asked.append(number)
        words = "You exceeded your current quota, please check your plan and billing details."
        return Failure(429, {"error": {"message": words, "code": "insufficient_quota"}}, headers={})

    with pytest.raises(UserError, match="the quota is used up"):
        await replies(say, 3)
    assert asked == [0]


async def test_sixteen_at_once_meet_a_limit_with_few_refusals() -> None:
    lock = threading.Lock()
    window = 2.0  # long beside what a busy machine adds to a reply
    taken: list[float] = []
    refused: list[int] = []

    def say(_: str, number: int) -> Said | Failure:
        with lock:
            now = time.monotonic()
            taken[:] = [moment for moment in taken if moment > now - window]
            if len(taken) >= 10:
                refused.append(number)
                return Failure(429, b"", {"retry-after-ms": str(int((taken[0] + window - now) * 1000) + 5)})
            taken.append(now)
            reset = f"{int((taken[-1] + window - now) * 1000) + 5}ms"
            headers = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": str(10 - len(taken)),
                       "x-ratelimit-reset-requests": reset}  # fmt: skip
            return Said(GOOD, None, headers)

    found, _ = await replies(say, 40, at_once=True, concurrency=16)
    assert [reply.grade for reply in found] == [4] * 40
    assert len(refused) <= 4


def test_a_request_can_be_had_without_sending_it() -> None:
    from qtui.judges.openai import OpenAIJudge
    from qtui.records import JudgeFacts

    judge = OpenAIJudge(spec("http://127.0.0.1:1/v1", prompt="{pred}"), JudgeFacts())
    body = judge.body(Question("q", "r", "c", "answer"))
    assert (body["model"], body["messages"]) == ("grader", [{"role": "user", "content": "answer"}])
    assert json.dumps(body)
