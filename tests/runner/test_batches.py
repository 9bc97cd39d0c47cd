"""A judge that asks in batches: every state of a batch, faults of one line and of all, limits, and what is kept."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qtui.endpoints.batches import Limits
from qtui.judges import Question, create_judge
from qtui.runner.control import Control
from qtui.store import Store, grades, runs
from tests.judges.batch_endpoint import GRADE, BatchServer, Line, Script, Work, batch_server, lost, refused, said
from tests.runner.batch_run import QUESTIONS, Pauses, grade_run, grades_of, judge_of, new_run, spec


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    monkeypatch.setenv("BATCH_KEY", "sk-batch-test")
    with batch_server(tmp_path / "endpoint.json") as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, served: BatchServer) -> tuple[Store, int]:
    return new_run(tmp_path / "store.sqlite", spec(served.base_url))


def assert_graded(run: tuple[Store, int]) -> None:
    """All answers have a grade: 4, and 1 for the empty one."""
    found = {place: grade for place, (grade, _) in grades_of(*run).items()}
    assert found == {(name, number): 4 for name in ("FP16", "Q2_K") for number in range(1, 5)} | {("Q2_K", 2): 1}
    assert judge_of(run[0]).state == "done"


async def test_batch_is_uploaded_submitted_polled_and_fetched(run: tuple[Store, int], served: BatchServer) -> None:
    served.script = Script(works=(Work(("validating", *["in_progress"] * 6, "finalizing", "completed")),))
    pauses = Pauses()
    end = await grade_run(*run, spec(served.base_url), pauses=pauses)
    assert (end.failed, end.left) == ((), ())
    assert_graded(run)
    assert pauses.seconds == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    [batch] = served.batches
    assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")
    assert sorted(served.asked.values()) == [1] * QUESTIONS
    assert set(served.keys) == {"Bearer sk-batch-test"}


async def test_equal_answers_are_one_request_and_empty_ones_none(run: tuple[Store, int], served: BatchServer) -> None:
    await grade_run(*run, spec(served.base_url))
    assert len(served.bodies()) == QUESTIONS
    assert grades_of(*run)["Q2_K", 2][1] == "empty answer: graded 1 without asking"


async def test_every_take_is_asked(tmp_path: Path, served: BatchServer) -> None:
    judge = spec(served.base_url, takes=2)
    store, run_id = new_run(tmp_path / "takes.sqlite", judge)
    await grade_run(store, run_id, judge)
    assert len(served.bodies()) == 2 * QUESTIONS
    assert len(grades.rows(store, [run_id])) == 16


async def test_request_of_a_batch_is_the_one_that_is_sent_directly(run: tuple[Store, int], served: BatchServer) -> None:
    judge = spec(served.base_url, system="厳しく。", reasoning_effort="low", temperature=None)
    store, run_id = new_run(run[0].path.with_name("other.sqlite"), judge)
    direct: list[dict[str, Any]] = []

    def hear(body: dict[str, Any]) -> tuple[int, Any]:
        direct.append(body)
        return 200, said()["response"]["body"]

    await grade_run(store, run_id, judge)
    served.script = Script(direct=hear)
    asking = create_judge(judge)
    await asking.grade(Question("動物を3匹挙げて", "猫3", "", "FP16の猫3\u2028"), 1)
    await asking.close()
    assert direct[0] in served.bodies()
    assert direct[0]["messages"][0] == {"role": "system", "content": "厳しく。"}
    assert direct[0]["reasoning_effort"] == "low"
    assert "temperature" not in direct[0]
    assert "response_format" in direct[0]


async def test_first_question_is_asked_directly_and_shows_what_the_endpoint_takes(
    run: tuple[Store, int], served: BatchServer
) -> None:
    def take_no_schema(body: dict[str, Any]) -> tuple[int, Any]:
        if body.get("response_format", {}).get("type") == "json_schema":
            return 400, {"error": {"message": "response_format json_schema is not supported"}}
        if "max_tokens" in body:
            return 400, {"error": {"message": "max_tokens is not supported, use max_completion_tokens"}}
        return 200, said()["response"]["body"]

    served.script = Script(direct=take_no_schema)
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert len(served.bodies()) == QUESTIONS - 1
    assert all(body["response_format"] == {"type": "json_object"} for body in served.bodies())
    assert all("max_completion_tokens" in body and "max_tokens" not in body for body in served.bodies())


async def test_what_the_endpoint_takes_is_known_to_a_later_process(run: tuple[Store, int], served: BatchServer) -> None:
    served.script = Script(
        direct=lambda body: (
            (400, {"error": {"message": "min_p: unknown parameter"}})
            if "min_p" in body
            else (200, said()["response"]["body"])
        )
    )
    await grade_run(*run, spec(served.base_url))
    store, run_id = new_run(run[0].path, spec(served.base_url, takes=2), "later")
    before, asked = len(served.bodies()), len(served.state["direct"])
    await grade_run(store, run_id, spec(served.base_url, takes=2))
    later = served.bodies()[before:]
    assert later
    assert all("min_p" not in body and "top_k" in body for body in later)
    assert len(served.state["direct"]) == asked


async def test_line_that_names_a_setting_is_asked_again_without_it(run: tuple[Store, int], served: BatchServer) -> None:
    def refuse_top_k(body: dict[str, Any], _times: int) -> Line:
        return refused(400, "Unrecognized request argument: top_k") if "top_k" in body else said()

    served.script = Script(say=refuse_top_k)
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert [("top_k" in body, "response_format" in body) for body in served.bodies()] == [
        *[(True, True)] * QUESTIONS,
        *[(False, True)] * QUESTIONS,
    ]


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_results_of_a_batch_that_ended_early_are_kept_and_the_rest_is_asked_again(
    run: tuple[Store, int], served: BatchServer, status: str
) -> None:
    served.script = Script(works=(Work((status,), replied=2), Work()))
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert sorted(served.asked.values()) == [1] * QUESTIONS
    assert [batch["request_counts"]["total"] for batch in served.batches] == [QUESTIONS, QUESTIONS - 2]
    first = judge_of(run[0]).batches[0]
    assert (first.status, first.reason) == (status, "4 of 6 questions have no grade from it")


async def test_batches_that_always_expire_end_with_ungraded_answers(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(works=(Work(("expired",), replied=1), Work(("expired",), replied=0)))
    await grade_run(*run, spec(served.base_url))
    assert len(served.batches) == 3
    reasons = [reason for grade, reason in grades_of(*run).values() if grade is None]
    assert len(reasons) == QUESTIONS - 1 + 1, (
        "one question was replied to; one of the others asks about two equal answers"
    )
    assert all(reason.startswith("no readable grade in 3 batches; ") for reason in reasons)


@pytest.mark.parametrize(
    "line",
    [said("no idea"), said("", "length"), said('{"grade": 9}'), refused(500, "oops"), refused(429, "slow down"),
     lost("server_error"), {"response": None, "error": None}, {"response": {"status_code": 200, "body": "page"}}],
    ids=str,
)  # fmt: skip
async def test_question_without_a_readable_reply_is_asked_again_in_the_next_batch(
    run: tuple[Store, int], served: BatchServer, line: Line
) -> None:
    served.script = Script(say=lambda body, times: line if "FP16の猫4" in str(body) and times < 2 else said())
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert sorted(served.asked.values()) == [1] * (QUESTIONS - 1) + [3]


async def test_reply_that_is_never_readable_is_ungraded_with_its_words_and_what_it_used(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(say=lambda body, _: said("たぶん良い") if "FP16の猫4" in str(body) else said())
    await grade_run(*run, spec(served.base_url))
    grade, reason = grades_of(*run)["FP16", 4]
    assert grade is None
    assert reason.startswith("no readable grade in 3 batches; last reply (")
    assert "たぶん良い" in reason
    used = grades.usage(*run, judge_of(run[0]).label, judge_of(run[0]).fingerprint)
    assert (used.requests, used.prompt_tokens, used.cached_tokens, used.completion_tokens) == (8, 800, 480, 80)


async def test_question_that_is_too_long_costs_only_itself(run: tuple[Store, int], served: BatchServer) -> None:
    too_long = refused(400, "This model's maximum context length is 8192 tokens")
    served.script = Script(say=lambda body, _: too_long if "FP16の猫4" in str(body) else said())
    end = await grade_run(*run, spec(served.base_url))
    assert end.failed == ()
    assert grades_of(*run)["FP16", 4][0] is None
    assert "maximum context length" in grades_of(*run)["FP16", 4][1]
    assert set(served.asked.values()) == {1}


async def test_account_without_money_amid_a_batch_stops_once_and_keeps_the_grades(
    run: tuple[Store, int], served: BatchServer
) -> None:
    no_money = refused(429, "You exceeded your current quota, please check your plan and billing details.")
    served.script = Script(say=lambda body, _: no_money if "FP16" in str(body) else said())
    end = await grade_run(*run, spec(served.base_url))
    assert len(end.failed) == 1
    assert "exceeded your current quota" in end.failed[0]
    assert len(served.batches) == 1
    assert ("FP16", 4) not in grades_of(*run)
    served.script = Script()
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert sorted(served.asked.values()) == [1] * (QUESTIONS - 2) + [2] * 2


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        ("model_not_found", "The model `grader` does not exist", "Check the model's name (grader)"),
        ("billing_hard_limit_reached", "Billing hard limit has been reached", "Check the account of the key in BATCH_KEY"),
        ("invalid_file_format", "The file is not JSONL", "Check the model's name (grader)"),
    ],
)  # fmt: skip
async def test_batch_that_is_invalid_as_a_whole_stops_once_with_the_endpoints_words(
    run: tuple[Store, int], served: BatchServer, code: str, message: str, advice: str
) -> None:
    served.script = Script(works=(Work(("failed",), problems=[{"code": code, "message": message}]),))
    end = await grade_run(*run, spec(served.base_url))
    assert len(served.batches) == 1
    assert f"batch batch_0 failed: {message}. {advice}" in end.failed[0]
    assert "sk-batch-test" not in end.failed[0]


async def test_line_that_the_endpoint_refuses_before_the_batch_begins_costs_only_itself(
    run: tuple[Store, int], served: BatchServer
) -> None:
    problem = {"code": "invalid_json_line", "message": "This line is not valid", "line": 2}
    served.script = Script(works=(Work(("failed",), problems=[problem]), Work()))
    await grade_run(*run, spec(served.base_url))
    reasons = [reason for grade, reason in grades_of(*run).values() if grade is None]
    assert reasons == ["no reply: the endpoint refused the question in its batch: This line is not valid"]
    assert sorted(served.asked.values()) == [1] * (QUESTIONS - 1)


async def test_limit_of_waiting_tokens_is_waited_for_and_met_with_smaller_batches(
    run: tuple[Store, int], served: BatchServer
) -> None:
    full = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for grader. Limit: 90,000"}
    pauses = Pauses()
    served.script = Script(works=(Work(("failed",), problems=[full]), Work(("failed",), problems=[full]), Work()))
    await grade_run(*run, spec(served.base_url), pauses=pauses)
    assert_graded(run)
    assert [batch["request_counts"]["total"] for batch in served.batches][2:] == [1] * QUESTIONS
    assert pauses.seconds.count(60) == 2
    assert sorted(served.asked.values()) == [1] * QUESTIONS


async def test_more_questions_than_a_batch_takes_are_several_batches(
    run: tuple[Store, int], served: BatchServer
) -> None:
    await grade_run(*run, spec(served.base_url), limits=Limits(requests=4))
    assert_graded(run)
    assert [batch["request_counts"]["total"] for batch in served.batches] == [4, 2]


async def test_no_file_is_larger_than_the_endpoint_takes(run: tuple[Store, int], served: BatchServer) -> None:
    await grade_run(*run, spec(served.base_url), limits=Limits(bytes=3000))
    assert_graded(run)
    sizes = [len(each["content"]) for each in served.state["files"].values() if each["purpose"] == "batch"]
    assert len(sizes) > 1
    assert max(sizes) <= 3000


async def test_batch_in_progress_is_left_and_fetched_later_from_the_same_store(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(works=(Work(("in_progress",)),))
    end = await grade_run(*run, spec(served.base_url), leaves=True)
    assert end.left == ("openai:grader: 6 questions are in a batch (batch_0)",)
    await grade_run(*run, spec(served.base_url), leaves=True)  # still under way
    served.script = Script()
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert len(served.batches) == 1


async def test_batch_shows_its_counts_and_when_it_was_last_seen(run: tuple[Store, int], served: BatchServer) -> None:
    await grade_run(*run, spec(served.base_url))
    [batch] = judge_of(run[0]).batches
    assert (batch.batch_id, batch.state, batch.status) == ("batch_0", "fetched", "completed")
    assert (batch.requests, batch.completed, batch.failed) == (QUESTIONS, QUESTIONS, 0)
    assert batch.submitted is not None
    assert batch.seen is not None
    assert batch.seen >= batch.submitted


async def test_another_run_with_the_same_answers_fetches_what_is_under_way_and_asks_nothing(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(works=(Work(("in_progress",)),))
    await grade_run(*run, spec(served.base_url), leaves=True)
    served.script = Script()
    store, other = new_run(run[0].path, spec(served.base_url), "other")
    await grade_run(store, other, spec(served.base_url))
    assert len(grades_of(store, other)) == 8
    assert len(served.batches) == 1
    assert sorted(served.asked.values()) == [1] * QUESTIONS


async def test_judge_that_no_longer_asks_in_batches_still_fetches_its_own(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(works=(Work(("in_progress",)),))
    await grade_run(*run, spec(served.base_url), leaves=True)
    served.script = Script()
    await grade_run(*run, replace(spec(served.base_url), batch=False))
    assert sum(grade == 4 for grade, _ in grades_of(*run).values()) == 7
    assert len(served.batches) == 1


async def test_endpoint_that_is_away_for_a_while_is_waited_for(run: tuple[Store, int], served: BatchServer) -> None:
    served.script = Script(
        works=(Work(("in_progress", "completed")),),
        refuse=lambda method, path, number: (
            (503, {"error": {"message": "away"}}) if path.startswith("/batches/") and number < 12 else None
        ),
    )
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        ("POST /files", 404, "has no Batch API (POST /files: 404"),
        ("POST /batches", 405, "has no Batch API (POST /batches: 405"),
        ("POST /files", 401, "the key in BATCH_KEY may not use the Batch API (POST /files: 401)"),
        ("POST /batches", 403, "the key in BATCH_KEY may not use the Batch API (POST /batches: 403)"),
        ("POST /batches", 402, "the quota or a limit of the account is used up (POST /batches: 402)"),
        ("POST /batches", 400, "refused POST /batches (400): because"),
        ("GET /batches/batch_0", 404, "does not know what was asked for (GET /batches/batch_0: 404"),
    ],
)
async def test_refusal_of_the_endpoint_is_one_sentence(
    run: tuple[Store, int], served: BatchServer, place: str, status: int, words: str
) -> None:
    served.script = Script(
        refuse=lambda method, path, _: (
            (status, {"error": {"message": "because"}}) if f"{method} {path}" == place else None
        )
    )
    end = await grade_run(*run, spec(served.base_url))
    assert len(end.failed) == 1
    assert words in end.failed[0]
    assert judge_of(run[0]).state == "failed"
    served.script = Script()
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert sorted(served.asked.values()) == [1] * QUESTIONS


async def test_submission_whose_reply_is_lost_is_looked_up_and_not_repeated(
    run: tuple[Store, int], served: BatchServer
) -> None:
    broken: list[str] = []

    def breaks(method: str, path: str) -> bool:
        if (method, path) == ("POST", "/batches") and not broken:
            broken.append(path)
            return True
        return False

    served.script = Script(breaks=breaks)
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert broken
    assert len(served.batches) == 1


async def test_endpoint_without_a_list_is_not_asked_twice_after_an_unknown_outcome(
    run: tuple[Store, int], served: BatchServer
) -> None:
    served.script = Script(has_lists=False, breaks=lambda method, path: (method, path) == ("POST", "/batches"))
    end = await grade_run(*run, spec(served.base_url))
    assert len(end.failed) == 1
    served.script = Script(has_lists=False)
    end = await grade_run(*run, spec(served.base_url))
    assert "nobody can say whether the batch" in end.failed[0]
    assert len(served.batches) == 1


async def test_cancelled_run_ends_the_wait_and_leaves_the_batch(run: tuple[Store, int], served: BatchServer) -> None:
    control = Control()
    served.script = Script(works=(Work(("in_progress",)),))
    pauses = Pauses(lambda seconds: control.cancel("by the user") if seconds > 8 else None)
    await grade_run(*run, spec(served.base_url), pauses=pauses, control=control)
    assert judge_of(run[0]).state == "cancelled"
    assert served.batches[0]["status"] == "in_progress"
    served.script = Script()
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)
    assert len(served.batches) == 1


async def test_files_of_other_programs_lines_are_left_alone(run: tuple[Store, int], served: BatchServer) -> None:
    """A file with lines that are no JSON, of other questions, or twice is read as far as it goes."""
    served.script = Script(works=(Work(("in_progress",)),))
    await grade_run(*run, spec(served.base_url), leaves=True)
    served.script = Script()
    state = served.state
    [batch] = state["batches"].values()
    [upload] = [each for each in state["files"].values() if each["purpose"] == "batch"]
    import json

    lines = [
        json.dumps({"custom_id": json.loads(line)["custom_id"], **said()}) for line in upload["content"].splitlines()
    ]
    noise = ["", "{not json", "[]", '{"custom_id": 7}', json.dumps({"custom_id": "other", **said()}), lines[0]]
    state["files"]["out"] = {
        "id": "out",
        "filename": "out",
        "purpose": "batch_output",
        "content": "\r\n".join(noise + lines),
    }
    batch |= {"status": "completed", "output_file_id": "out"}
    served.file.write_text(json.dumps(state))
    await grade_run(*run, spec(served.base_url))
    assert_graded(run)


def test_key_is_not_in_the_store(run: tuple[Store, int]) -> None:
    store, _ = run
    store.close()
    assert os.environ["BATCH_KEY"].encode() not in store.path.read_bytes()


def test_runs_show_no_batch_of_other_judges(run: tuple[Store, int]) -> None:
    assert runs.summaries(run[0])[0].judges[0].batches == ()
    assert GRADE
