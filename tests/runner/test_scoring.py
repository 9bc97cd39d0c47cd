"""Scoring of a run's answers: beside the answers, once, and never stopped by a scorer that hangs, dies or fails."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from qtui import scorers
from qtui.records import Answer, ScorerSpec
from qtui.runner.control import Control
from qtui.runner.scoring import score_run
from qtui.store import Store, open_store, runs, scores
from tests import stores
from tests.scored_store import CHOICE, MATH, add_scorers, answer, answered_run

HANGING = ScorerSpec("regex", "hanging", settings={"pattern": r"(?:a+)+$"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.sqlite") as opened:
        yield opened


async def score_all(
    store: Store,
    run_id: int,
    control: Control | None = None,
    *,
    seconds: float = 20.0,
    on_score: Callable[[], None] = lambda: None,
) -> list[str]:
    finished = asyncio.Event()
    finished.set()
    return await score_run(
        store,
        run_id,
        control or Control(),
        answered=asyncio.Event(),
        finished=finished,
        seconds_per_answer=seconds,
        on_score=on_score,
    )


def found(store: Store, run_id: int, scorer: str) -> dict[tuple[str, int], tuple[float | None, str]]:
    rows = scores.rows(store, [run_id])
    return {(row["name"], row["position"]): (row["score"], row["reason"]) for row in rows if row["scorer"] == scorer}


async def test_every_scorer_scores_the_tasks_of_its_sets(store: Store) -> None:
    run_id = answered_run(store)
    add_scorers(store, run_id, MATH, CHOICE)

    assert await score_all(store, run_id) == []

    assert found(store, run_id, "math")["Q4", 1] == (0, "took 3, expected 2")
    assert {number for _, number in found(store, run_id, "math")} == set(range(1, 13))
    assert found(store, run_id, "choice")["Q4", 13] == (0, "took A, expected B (東京)")
    [math, choice] = runs.summaries(store, [run_id])[0].scorers
    assert (math.state, math.scored, math.expected, choice.scored) == ("done", 24, 24, 24)


async def test_what_is_scored_is_not_scored_again_and_other_settings_are(store: Store) -> None:
    run_id = answered_run(store)
    add_scorers(store, run_id, MATH)
    computed: list[None] = []

    async def newly_scored() -> int:
        computed.clear()
        await score_all(store, run_id, on_score=lambda: computed.append(None))
        return len(computed)

    assert await newly_scored() == 24
    assert await newly_scored() == 0
    add_scorers(store, run_id, ScorerSpec("last_number", "math", 0.05, ("sums",), settings={"style": "strict"}))
    assert await newly_scored() == 24
    assert found(store, run_id, "math")["FP16", 5][0] == 0, "nothing is written after ####"
    add_scorers(store, run_id, MATH)
    assert await newly_scored() == 0
    assert found(store, run_id, "math")["FP16", 5][0] == 1, "the former settings are current again"


async def test_another_margin_scores_nothing_again(store: Store) -> None:
    run_id = answered_run(store)
    add_scorers(store, run_id, MATH)
    await score_all(store, run_id)
    add_scorers(store, run_id, ScorerSpec("last_number", "math", 0.2, ("sums",)))

    [scorer] = scores.current(store, [run_id])

    assert scorer.spec.margin == 0.2
    assert not scores.pending(store, scorer)


async def test_answers_are_scored_as_they_arrive(store: Store) -> None:
    run_id = answered_run(store, answered=False)
    add_scorers(store, run_id, MATH)
    answered, finished = asyncio.Event(), asyncio.Event()
    scored = asyncio.Event()
    scoring = asyncio.create_task(
        score_run(store, run_id, Control(), answered=answered, finished=finished, on_score=scored.set)
    )
    [baseline, _] = runs.summaries(store, [run_id])[0].variants
    for number, (_, task) in enumerate(runs.tasks(store, run_id)[:2], start=1):
        stores.answer(store, run_id, "FP16", number, answer(baseline, number, task))
        answered.set()
        await scored.wait()
        scored.clear()
    finished.set()
    answered.set()
    assert await scoring == []
    assert runs.summaries(store, [run_id])[0].scorers[0].expected == 24


async def test_a_scorer_that_hangs_costs_this_score_and_says_so(store: Store) -> None:
    run_id = answered_run(store)
    stores.answer(store, run_id, "Q4", 2, Answer("evil", "a" * 64 + "!", "stop"))
    add_scorers(store, run_id, HANGING, MATH)

    assert await score_all(store, run_id, seconds=1.0) == []

    hanging = found(store, run_id, "hanging")
    assert hanging["Q4", 2] == (None, "scoring this answer took more than 1 s and was stopped")
    assert len(hanging) == 48
    assert [reason for score, reason in hanging.values() if score is None] == [hanging["Q4", 2][1]]
    assert len(found(store, run_id, "math")) == 24


async def test_a_scorer_whose_process_is_killed_leaves_no_answer_unscored(store: Store) -> None:
    run_id = answered_run(store)
    add_scorers(store, run_id, MATH)
    killed: list[int] = []

    def kill_once() -> None:
        if not killed:
            children = psutil.Process().children()  # other tests leave some of their own, such as a forkserver
            [process] = [child for child in children if "qtui.scorers.process" in child.cmdline()]
            process.kill()
            killed.append(process.pid)

    assert await score_all(store, run_id, on_score=kill_once) == []
    assert killed
    assert [reason for score, reason in found(store, run_id, "math").values() if score is None] == []
    assert len(found(store, run_id, "math")) == 24


HANGS_WITHOUT_A_PARENT = """
import asyncio
from qtui.records import ScorerSpec, Task
from qtui.runner.scorer_process import ScorerProcess
from qtui.scorers import Question

async def hang():
    spec = ScorerSpec("regex", "hanging", settings={"pattern": r"(?:a+)+$"})
    async with ScorerProcess(250.0) as process:
        await process.score(spec, Question(Task("q", "r"), "a"))
        print("loaded", flush=True)
        await process.score(spec, Question(Task("q", "r"), "a" * 64 + "!"))

asyncio.run(hang())
"""


def test_a_scorer_that_hangs_ends_with_its_runner_when_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", HANGS_WITHOUT_A_PARENT], stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"loaded\n"
        [scorer] = psutil.Process(runner.pid).children()
        before = scorer.cpu_times().user
        while scorer.cpu_times().user < before + 0.2:
            pass  # until it is busy with the answer that never ends
        runner.kill()
        _, alive = psutil.wait_procs([scorer], timeout=60)
    assert alive == []


async def test_a_cancelled_run_does_not_wait_for_a_scorer_that_hangs(store: Store) -> None:
    run_id = answered_run(store)
    stores.answer(store, run_id, "FP16", 2, Answer("evil", "a" * 64 + "!", "stop"))
    add_scorers(store, run_id, HANGING)
    control, scored = Control(), asyncio.Event()
    scoring = asyncio.create_task(score_all(store, run_id, control, seconds=250.0, on_score=scored.set))
    await scored.wait()  # of the first answer: the scorer then hangs on the second

    control.cancel("enough")

    assert await scoring == []
    assert runs.summaries(store, [run_id])[0].scorers[0].state == "cancelled"
    assert ("FP16", 2) not in found(store, run_id, "hanging")


async def test_a_scorer_that_cannot_work_fails_with_its_reason_and_the_others_go_on(store: Store) -> None:
    run_id = answered_run(store)
    broken = ScorerSpec("code", settings={"command": ["/no/such/sandbox"]})
    add_scorers(store, run_id, broken, MATH)

    [failure] = await score_all(store, run_id)

    assert "/no/such/sandbox" in failure
    states = {scorer.label: scorer.state for scorer in runs.summaries(store, [run_id])[0].scorers}
    assert states == {"code": "failed", "math": "done"}


async def test_a_task_that_lacks_what_is_compared_is_unscored_and_tried_again_on_request(store: Store) -> None:
    run_id = answered_run(store)
    add_scorers(store, run_id, ScorerSpec("chrf"))
    await score_all(store, run_id)
    [progress] = runs.summaries(store, [run_id])[0].scorers
    assert (progress.scored, progress.unscored) == (24, 24)

    [scorer] = scores.current(store, [run_id])
    assert scores.forget(store, scorer, only_unscored=True) == 24
    assert len(scores.pending(store, scorer)) == 24


def test_a_fingerprint_is_that_of_the_settings_and_not_of_name_or_margin() -> None:
    plain = scorers.fingerprint(ScorerSpec("exact_match"))
    assert scorers.fingerprint(ScorerSpec("exact_match", "em", 0.3)) == plain
    assert scorers.fingerprint(ScorerSpec("exact_match", settings={"normalize": "whitespace"})) == plain
    others = [
        ScorerSpec("exact_match", settings={"normalize": "nfkc"}),
        ScorerSpec("exact_match", subsets=("a",)),
        ScorerSpec("chrf"),
    ]
    assert len({plain, *map(scorers.fingerprint, others)}) == 4
