"""What a judge is asked, in which order, and what reading the queue from the store costs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from qtui.records import JudgeSpec
from qtui.runner.control import Control
from qtui.runner.grading import grade_run
from qtui.runner.question_queue import QuestionQueue
from qtui.store import Store
from tests.judges.endpoint import endpoint
from tests.runner.judged_run import answer, answer_all, grade_all, graded, new_run, spec, stored

SECONDS = 60.0
"""How long a test waits for a request that must come."""


def prompts_of(tmp_path: Path, texts: dict[str, list[str]], **changes: object) -> list[str]:
    """The prompts, in the order in which a judge without connections beside each other gets them."""
    with endpoint(lambda *_: '{"grade": 3}') as served:
        judge = spec(served.base_url, **changes)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, list(texts), max(map(len, texts.values())))
        answer_all(store, run_id, texts)
        asyncio.run(grade_all(store, run_id, judge))
        return served.prompts


def test_tasks_whose_answers_differ_are_asked_before_those_with_equal_texts(tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, {"FP16": ["a", "b", "c"], "Q4": ["a", "x", "c"]})
    assert prompts == ["t2|b", "t2|x", "t1|a", "t3|c"]


def test_both_sides_of_a_task_are_asked_one_after_the_other(tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, {"FP16": ["a", "b"], "Q4": ["c", "d"], "Q2": ["e", "f"]})
    assert prompts == ["t1|a", "t1|c", "t1|e", "t2|b", "t2|d", "t2|f"]


def test_first_takes_are_asked_before_second_ones(tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, {"FP16": ["a", "b"], "Q4": ["a", "x"]}, takes=2)
    assert prompts == ["t2|b", "t2|x", "t1|a"] * 2


def test_an_answer_that_only_one_of_two_candidates_shares_with_the_baseline_counts_as_different(tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, {"FP16": ["a", "b"], "Q4": ["a", "b"], "Q2": ["a", "x"]})
    assert prompts == ["t2|b", "t2|x", "t1|a"]


def test_questions_that_make_a_pair_whole_come_first(tmp_path: Path) -> None:
    with endpoint(lambda *_: '{"grade": 3}') as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ["FP16", "Q4"], 3)
        answer(store, run_id, "FP16", 3, "c")
        asyncio.run(grade_all(store, run_id, judge))
        answer_all(store, run_id, {"FP16": ["a", "b", "c"], "Q4": ["x", "y", "z"]})
        asyncio.run(grade_all(store, run_id, judge))
        assert served.prompts == ["t3|c", "t3|z", "t1|a", "t1|x", "t2|b", "t2|y"]


def test_a_second_take_is_under_way_while_the_first_is(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=SECONDS)

    def say(*_: object) -> str:
        together.wait()
        return '{"grade": 3}'

    with endpoint(say) as served:
        judge = spec(served.base_url, takes=2, concurrency=2)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ["FP16"], 1)
        answer(store, run_id, "FP16", 1, "a")
        asyncio.run(grade_all(store, run_id, judge))
    assert graded(store, run_id) == [("FP16", 1, 1, 3), ("FP16", 1, 2, 3)]


Arrive = Callable[[asyncio.Event], Awaitable[None]]


async def grade_arriving(store: Store, run_id: int, judge: JudgeSpec, arrive: Arrive) -> None:
    """Grade while `arrive` gives answers; it gets a function that says that one has arrived."""
    answered, finished = asyncio.Event(), asyncio.Event()
    grading = asyncio.create_task(grade_run(store, run_id, [judge], Control(), answered=answered, finished=finished))
    await arrive(answered)
    finished.set()
    answered.set()
    await grading


def test_an_answer_that_arrives_is_asked_about_while_another_question_is_under_way(tmp_path: Path) -> None:
    together, first = threading.Barrier(2, timeout=SECONDS), threading.Event()

    def say(*_: object) -> str:
        first.set()
        together.wait()
        return '{"grade": 3}'

    async def arrive(answered: asyncio.Event) -> None:
        answer(store, run_id, "FP16", 1, "a")
        answered.set()
        await asyncio.to_thread(first.wait, SECONDS)
        answer(store, run_id, "FP16", 2, "b")
        answered.set()

    with endpoint(say) as served:
        judge = spec(served.base_url, concurrency=2)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ["FP16"], 2)
        asyncio.run(grade_arriving(store, run_id, judge, arrive))
    assert graded(store, run_id) == [("FP16", 1, 1, 3), ("FP16", 2, 1, 3)]


@pytest.mark.parametrize("waits_for_the_reply", [True, False])
def test_an_equal_answer_that_arrives_later_shares_the_grade(tmp_path: Path, waits_for_the_reply: bool) -> None:
    asked, may_reply = threading.Event(), threading.Event()

    def say(*_: object) -> str:
        asked.set()
        assert may_reply.wait(SECONDS)
        return '{"grade": 4}'

    async def arrive(answered: asyncio.Event) -> None:
        answer(store, run_id, "FP16", 1, "a")
        answered.set()
        await asyncio.to_thread(asked.wait, SECONDS)
        if waits_for_the_reply:
            may_reply.set()
            while not graded(store, run_id):  # noqa: ASYNC110 - the store sets no event
                await asyncio.sleep(0.01)
        answer(store, run_id, "Q4", 1, "a")
        answered.set()
        may_reply.set()

    with endpoint(say) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ["FP16", "Q4"], 1)
        asyncio.run(grade_arriving(store, run_id, judge, arrive))
        assert served.prompts == ["t1|a"]
    assert graded(store, run_id) == [("FP16", 1, 1, 4), ("Q4", 1, 1, 4)]


def test_an_equal_answer_of_a_later_runner_shares_the_grade_that_the_store_has(tmp_path: Path) -> None:
    with endpoint(lambda *_: '{"grade": 2}') as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ["FP16", "Q4"], 1)
        answer(store, run_id, "FP16", 1, "a")
        asyncio.run(grade_all(store, run_id, judge))
        answer(store, run_id, "Q4", 1, "a")
        asyncio.run(grade_all(store, run_id, judge))
        assert served.prompts == ["t1|a"]
    assert graded(store, run_id) == [("FP16", 1, 1, 2), ("Q4", 1, 1, 2)]


def next_texts(queue: QuestionQueue) -> list[str]:
    asked = queue.pop()
    return [item.text for item in asked.answers] if asked else []


def test_answers_that_are_linked_and_not_new_are_found(tmp_path: Path) -> None:
    """As `link_known` links answers that another run has: their rows are older than the newest that the queue knows."""
    store, run_id = new_run(tmp_path / "s.sqlite", spec(), ["FP16", "Q4"], 2)
    answer(store, run_id, "FP16", 1, "old")
    answer(store, run_id, "FP16", 1, "new")
    queue = QuestionQueue(store, stored(store, run_id), 1)
    queue.refill()
    assert next_texts(queue) == ["new"]
    answer(store, run_id, "FP16", 1, "old")
    queue.refill()
    assert next_texts(queue) == ["old"]
    assert next_texts(queue) == []


def steps_to_read(tmp_path: Path, tasks: int) -> int:
    """The work of SQLite, in hundreds of its virtual machine's steps, to read answers that arrive one by one."""
    store, run_id = new_run(tmp_path / f"{tasks}.sqlite", spec(takes=3), ["FP16", "Q4"], tasks)
    queue = QuestionQueue(store, stored(store, run_id), 3)
    steps = asked = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    for variant in ("FP16", "Q4"):
        for number in range(1, tasks + 1):
            answer(store, run_id, variant, number, f"{variant} {number}")
            store.set_progress_handler(step, 100)
            queue.refill()
            store.set_progress_handler(None, 0)
            asked += sum(1 for _ in iter(queue.pop, None))
    assert asked == 2 * 3 * tasks
    return steps


def test_reading_answers_as_they_come_costs_as_much_as_there_are_answers_not_their_square(tmp_path: Path) -> None:
    # In proportion it would be 4, with the doublings of the whole reading a little more; quadratic it would be 16.
    assert steps_to_read(tmp_path, 200) < 6 * steps_to_read(tmp_path, 50)
