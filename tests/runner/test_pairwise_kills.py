"""A runner that is killed while a judge compares: the next one asks only what was not replied to, directly and by batches."""

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from qtui.records import JudgeSpec
from qtui.store import Store, open_store, runs
from tests.judges.batch_endpoint import Line, Script, Work, batch_server, refused, said
from tests.judges.endpoint import Broken, endpoint
from tests.runner.batch_run import grade_run
from tests.runner.pairwise_run import choices, compare, longest, new_run, spec

PROCESSES = multiprocessing.get_context("forkserver")
ANSWERS = {"FP16": ["猫です", "犬", "", "同じ", "牛だ"], "Q4": ["猫", "犬です", "鳥", "同じ", "馬だよ"]}
ASKED = 6
"""Three pairs of answers differ, and none is empty; each in both orders."""


@pytest.fixture(scope="module", autouse=True)
def _preloaded() -> None:
    PROCESSES.set_forkserver_preload(["openai", "tests.runner.pairwise_run", "tests.runner.batch_run"])


def compare_in_process(path: Path, run_id: int, judge: JudgeSpec) -> None:
    asyncio.run(compare(open_store(path), run_id, judge))


def compare_by_batches_in_process(path: Path, run_id: int, judge: JudgeSpec) -> None:
    asyncio.run(grade_run(open_store(path), run_id, judge))


def kill(victim: BaseProcess) -> None:
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    connection.wait([victim.sentinel])


@pytest.mark.parametrize("moment", range(ASKED))
async def test_killed_in_the_middle_nothing_that_was_replied_to_is_asked_again(tmp_path: Path, moment: int) -> None:
    replied: Counter[str] = Counter()
    victims: list[BaseProcess] = []

    def say(prompt: str, number: int) -> str | Broken:
        if victims and number == moment:
            kill(victims.pop())
            return Broken()
        replied[prompt] += 1
        return longest(prompt)

    with endpoint(say) as served:
        judge = spec(served.base_url, concurrency=1)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        victim = PROCESSES.Process(target=compare_in_process, args=(store.path, run_id, judge))
        victims.append(victim)
        victim.start()
        await asyncio.to_thread(victim.join)
        assert victim.exitcode == -signal.SIGKILL
        assert await compare(store, run_id, judge) == []
    assert_complete(store, run_id)
    assert (len(replied), set(replied.values())) == (ASKED, {1})


def assert_complete(store: Store, run_id: int) -> None:
    found = choices(store, run_id)
    assert len(found) == 10
    assert [found["Q4", task, 1, True] for task in range(1, 6)] == ["second", "first", "first", "tie", "first"]
    assert [found["Q4", task, 1, False] for task in range(1, 6)] == ["first", "second", "second", "tie", "second"]
    [judge] = runs.summaries(store)[0].judges
    assert (judge.state, judge.graded, judge.expected) == ("done", 10, 10)


def judged(body: dict[str, Any], _times: int) -> Line:
    return said(longest(body["messages"][-1]["content"]))


def script() -> Script:
    """A first batch that expires when two questions are replied to, and a second one that completes."""
    works = (Work(("in_progress", "expired"), replied=2), Work())
    return Script(
        say=judged,
        works=works,
        direct=lambda body: (200, judged(body, 0)["response"]["body"]),
    )


@pytest.fixture
def batched(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("BATCH_KEY", "sk-batch-test")
    return {"api_key_env": "BATCH_KEY", "batch": True}


async def test_batches_fetch_both_orders_and_ask_nothing_twice(tmp_path: Path, batched: dict[str, object]) -> None:
    with batch_server(tmp_path / "endpoint.json", script()) as served:
        judge = spec(served.base_url, **batched)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await grade_run(store, run_id, judge)
        await grade_run(store, run_id, judge)
    assert_complete(store, run_id)
    assert (len(served.asked), set(served.asked.values())) == (ASKED - 1, {1})
    assert len(served.state["direct"]) == 1
    schema = served.bodies()[0]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["reason", "better"]


@pytest.mark.parametrize("moment", range(0, 22, 3))
async def test_killed_at_a_moment_of_its_batches_nothing_is_asked_twice(
    tmp_path: Path, batched: dict[str, object], moment: int
) -> None:
    victims: list[BaseProcess] = []
    left = [moment]

    def watch(_when: str, _method: str, _path: str) -> bool:
        left[0] -= 1
        if left[0] != -1 or not victims:
            return True
        kill(victims.pop())
        return False

    with batch_server(tmp_path / "endpoint.json", script()) as served:
        served.script.watch = watch
        judge = spec(served.base_url, **batched)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        victim = PROCESSES.Process(target=compare_by_batches_in_process, args=(store.path, run_id, judge))
        victims.append(victim)
        victim.start()
        await asyncio.to_thread(victim.join)
        await grade_run(store, run_id, judge)
    assert_complete(store, run_id)
    assert set(served.asked.values()) == {1}
    assert len(served.state["direct"]) <= 2, "only the one direct question, if its reply was lost"


async def test_question_without_a_readable_reply_in_its_batches_is_unjudged(
    tmp_path: Path, batched: dict[str, object]
) -> None:
    def say(body: dict[str, Any], _times: int) -> Line:
        prompt = body["messages"][-1]["content"]
        return said("どちらも良い") if "<A>猫です" in prompt else said(longest(prompt))

    with batch_server(tmp_path / "endpoint.json", Script(say=say)) as served:
        judge = spec(served.base_url, **batched)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await grade_run(store, run_id, judge)
    found = choices(store, run_id)
    assert (found["Q4", 1, 1, False], found["Q4", 1, 1, True]) == (None, "second")
    assert max(served.asked.values()) == 3


async def test_batch_whose_key_is_refused_leaves_no_preference(tmp_path: Path, batched: dict[str, object]) -> None:
    with batch_server(tmp_path / "endpoint.json", Script(say=lambda *_: refused(401, "bad key"))) as served:
        judge = spec(served.base_url, **batched)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        end = await grade_run(store, run_id, judge)
    assert end.failed
    assert choices(store, run_id) == {}
