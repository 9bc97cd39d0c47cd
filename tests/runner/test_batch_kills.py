"""A runner that is killed at any moment of its batches: the next one asks nothing twice and loses nothing.

The endpoint kills the process that talks to it: just before a request reaches it, or when it has done what was asked and before the
process hears of it. Between two such moments the process does nothing but write what it heard into the store.
"""

import asyncio
import multiprocessing
import os
import signal
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from qtui.records import JudgeSpec
from qtui.store import open_store
from tests.judges.batch_endpoint import Script, Work, batch_server, said
from tests.runner.batch_run import QUESTIONS, grade_run, grades_of, judge_of, new_run, spec

REQUESTS = 11
"""A direct question, then twice: a file, a batch, two looks and one or two files; see `test_moments_are_all_there_are`."""
PROCESSES = multiprocessing.get_context("forkserver")


def script() -> Script:
    """A first batch that expires when two questions are replied to, and a second one that completes."""
    works = (Work(("in_progress", "expired"), replied=2), Work())
    return Script(works=works, direct=lambda _: (200, said()["response"]["body"]))


def grade_in_process(path: Path, run_id: int, judge: JudgeSpec) -> None:
    asyncio.run(grade_run(open_store(path), run_id, judge))


class Killer:
    """Kills the process that talks to the endpoint, once, at one of its moments."""

    def __init__(self, moment: int) -> None:
        self.victim: BaseProcess | None = None
        self._moments_left = moment

    def __call__(self, _when: str, _method: str, _path: str) -> bool:
        self._moments_left -= 1
        if self._moments_left != -1 or self.victim is None:
            return True
        assert self.victim.pid is not None
        os.kill(self.victim.pid, signal.SIGKILL)
        connection.wait([self.victim.sentinel])
        return False


@pytest.fixture(scope="module", autouse=True)
def _preloaded() -> None:
    PROCESSES.set_forkserver_preload(["openai", "tests.runner.batch_run"])


@pytest.mark.parametrize("moment", range(2 * REQUESTS))
async def test_killed_runner_is_resumed_without_a_question_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    monkeypatch.setenv("BATCH_KEY", "sk-batch-test")
    killer = Killer(moment)
    with batch_server(tmp_path / "endpoint.json", script()) as served:
        served.script.watch = killer
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "store.sqlite", judge)
        victim = killer.victim = PROCESSES.Process(target=grade_in_process, args=(store.path, run_id, judge))
        victim.start()
        await asyncio.to_thread(victim.join)
        assert victim.exitcode == -signal.SIGKILL
        await grade_run(store, run_id, judge)
    assert [grade for grade, _ in grades_of(store, run_id).values()].count(4) == 7
    assert len(grades_of(store, run_id)) == 8
    assert all(times == 1 for times in served.asked.values())
    # The runner that was killed before it heard the reply to the one direct question has to ask that again.
    is_direct_lost = moment == 1
    assert len(served.asked) == QUESTIONS - 1
    assert len(served.state["direct"]) == 1 + is_direct_lost
    assert [batch["request_counts"]["total"] for batch in served.batches] == [QUESTIONS - 1, QUESTIONS - 3]
    assert len([each for each in served.state["files"].values() if each["purpose"] == "batch"]) == 2
    assert [batch.state for batch in judge_of(store).batches] == ["fetched", "fetched"]


async def test_moments_are_all_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_KEY", "sk-batch-test")
    with batch_server(tmp_path / "endpoint.json", script()) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "store.sqlite", judge)
        await grade_run(store, run_id, judge)
    assert len(served.requests) == REQUESTS
