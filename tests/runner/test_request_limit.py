"""`--requests N`: a command stops cleanly when it has sent so many requests, never later, and the same command goes on."""

import asyncio
import threading
from pathlib import Path

import pytest

from qtui.endpoints import allowance
from qtui.endpoints.allowance import RequestLimit
from qtui.endpoints.batches import Limits
from qtui.records import JudgeSpec
from qtui.runner import batch_questions
from qtui.runner.execution import execute
from qtui.runner.how_to_grade import HowToGrade
from qtui.store import Store, batches, judges, runs
from tests.judges.batch_endpoint import BatchServer, Script, Work, said
from tests.judges.endpoint import Failure, Say, endpoint
from tests.runner import batch_run
from tests.runner.judged_run import answer, answer_all, grade_all, graded, imported_run, new_run, spec
from tests.runner.test_batches import run, served
from tests.runner.test_failed_judge import judge_of
from tests.runner.test_question_queue import grade_arriving

__all__ = ["run", "served"]

TEXTS = {"FP16": ["a", "b", "c", "d"], "Q4": ["a", "x", "y", "z"]}
QUESTIONS = 7
LABEL = "openai:grader"


def graded_run(path: Path, judge: JudgeSpec) -> tuple[Store, int]:
    store, run_id = new_run(path, judge, list(TEXTS), 4)
    answer_all(store, run_id, TEXTS)
    return store, run_id


def grade_at_most(store: Store, run_id: int, judge: JudgeSpec, most: int) -> list[str]:
    with allowance.spending(RequestLimit(most)):
        return asyncio.run(grade_all(store, run_id, judge))


def limited(tmp_path: Path, say: Say, most: int, **changes: object) -> tuple[Store, int, list[str]]:
    """The run, and the prompts that were sent before the limit."""
    with endpoint(say) as at:
        judge = spec(at.base_url, **changes)
        store, run_id = graded_run(tmp_path / "s.sqlite", judge)
        assert grade_at_most(store, run_id, judge, most) == []
        return store, run_id, at.prompts


@pytest.mark.parametrize("concurrency", [1, 16])
def test_no_request_is_sent_beyond_the_limit(tmp_path: Path, concurrency: int) -> None:
    store, _, prompts = limited(tmp_path, lambda *_: '{"grade": 3}', 4, concurrency=concurrency, takes=3)
    assert len(prompts) == 4
    assert judge_of(store, LABEL).state == "stopped"


@pytest.mark.parametrize("concurrency", [1, 16])
def test_requests_in_vain_count(tmp_path: Path, concurrency: int) -> None:
    busy = Failure(503, {"error": {"message": "busy"}})
    _, _, prompts = limited(tmp_path, lambda _, n: busy if n % 2 else '{"grade": 3}', 5, concurrency=concurrency)
    assert len(prompts) == 5


def test_what_was_asked_before_the_limit_makes_whole_pairs(tmp_path: Path) -> None:
    store, run_id, _ = limited(tmp_path, lambda *_: '{"grade": 3}', 4)
    assert graded(store, run_id) == [("FP16", 2, 1, 3), ("FP16", 3, 1, 3), ("Q4", 2, 1, 3), ("Q4", 3, 1, 3)]


def test_grades_of_requests_under_way_at_the_limit_are_kept(tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=60)

    def say(*_: object) -> str:
        together.wait()
        return '{"grade": 3}'

    store, run_id, _ = limited(tmp_path, say, 3, concurrency=16)
    assert len(graded(store, run_id)) == 3


def test_the_same_command_goes_on(tmp_path: Path) -> None:
    with endpoint(lambda *_: '{"grade": 3}') as at:
        judge = spec(at.base_url)
        store, run_id = graded_run(tmp_path / "s.sqlite", judge)
        states = []
        for _ in range(3):
            grade_at_most(store, run_id, judge, 3)
            states.append(judge_of(store, LABEL).state)
        assert (len(at.prompts), states) == (QUESTIONS, ["stopped", "stopped", "done"])


def test_a_limit_that_is_enough_to_the_request_does_not_stop(tmp_path: Path) -> None:
    store, _, prompts = limited(tmp_path, lambda *_: '{"grade": 3}', QUESTIONS)
    assert (len(prompts), judge_of(store, LABEL).state) == (QUESTIONS, "done")


def test_judges_of_a_run_share_the_limit(tmp_path: Path) -> None:
    with endpoint(lambda *_: '{"grade": 3}') as at:
        first, second = spec(at.base_url), spec(at.base_url, model="other")
        store, run_id = graded_run(tmp_path / "s.sqlite", first)
        new_run(tmp_path / "s.sqlite", second, list(TEXTS), 4)
        with allowance.spending(RequestLimit(5)):
            asyncio.run(grade_all(store, run_id, first, second))
        assert len(at.prompts) == 5


def test_nothing_is_asked_before_all_answers_are_there(tmp_path: Path) -> None:
    """Else the limit would be spent on the baseline, whose answers come first."""

    async def arrive(answered: asyncio.Event) -> None:
        for variant, texts in TEXTS.items():
            for number, text in enumerate(texts, start=1):
                answer(store, run_id, variant, number, text)
                answered.set()
                await asyncio.sleep(0)

    with endpoint(lambda *_: '{"grade": 3}') as at:
        judge = spec(at.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, list(TEXTS), 4)
        with allowance.spending(RequestLimit(2)):
            asyncio.run(grade_arriving(store, run_id, judge, arrive))
        assert at.prompts == ["t2|b", "t2|x"]


async def in_batches(run: tuple[Store, int], judge: JudgeSpec, most: int, limits: Limits = Limits()) -> str:  # noqa: B008
    with allowance.spending(RequestLimit(most)):
        await batch_run.grade_run(*run, judge, limits=limits)
    return batch_run.judge_of(run[0]).state


def sent(served: BatchServer) -> tuple[int, list[int]]:
    """Requests that were sent directly, and in each batch."""
    return len(served.state["direct"]), [batch["request_counts"]["total"] for batch in served.batches]


@pytest.fixture
def served_directly(served: BatchServer) -> BatchServer:
    served.script = Script(direct=lambda _: (200, said()["response"]["body"]))
    return served


async def test_a_batch_is_cut_to_what_is_left(run: tuple[Store, int], served_directly: BatchServer) -> None:
    judge = batch_run.spec(served_directly.base_url)
    assert await in_batches(run, judge, 4) == "stopped"
    assert sent(served_directly) == (1, [3])
    assert await in_batches(run, judge, 4) == "done"
    assert sent(served_directly) == (1, [3, 2])


async def test_several_batches_together_keep_the_limit(run: tuple[Store, int], served_directly: BatchServer) -> None:
    state = await in_batches(run, batch_run.spec(served_directly.base_url), 4, Limits(requests=2))
    assert (state, sent(served_directly)) == ("stopped", (1, [2, 1]))


async def test_a_batch_that_was_planned_before_is_cut_too(run: tuple[Store, int], served: BatchServer) -> None:
    store, run_id = run
    judge = batch_run.spec(served.base_url)
    stored = judges.of_run(store, run_id)[0]
    everything = batch_questions.missing(store, stored, 1)
    batches.plan(store, run_id, (stored.label, stored.fingerprint), (judge.base_url, judge.api_key_env), everything)
    assert await in_batches(run, judge, 1) == "stopped"
    assert sent(served) == (0, [1])


async def test_questions_that_an_expired_batch_did_not_reach_are_not_counted(
    run: tuple[Store, int], served_directly: BatchServer
) -> None:
    served_directly.script.works = (Work(("expired",), replied=2), Work())
    assert await in_batches(run, batch_run.spec(served_directly.base_url), batch_run.QUESTIONS) == "done"
    assert sent(served_directly) == (1, [batch_run.QUESTIONS - 1, batch_run.QUESTIONS - 3])


def test_the_run_says_that_it_was_stopped_and_what_is_missing(tmp_path: Path) -> None:
    with endpoint(lambda *_: '{"grade": 3}') as at:
        store, run_id = imported_run(tmp_path / "s.sqlite", spec(at.base_url), TEXTS)
        assert asyncio.run(execute(store, run_id, HowToGrade(most_requests=4))) == "stopped"
        found = runs.summaries(store)[0]
        assert found.state == "stopped"
        assert found.reason == "stopped at 4 requests; 4 grades missing; the same command goes on."
        assert asyncio.run(execute(store, run_id)) == "done"
        assert len(at.prompts) == QUESTIONS
