"""A run whose answers are all there, to be graded by a judge that asks in batches, and the grading of it without real seconds."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from qtui.endpoints.batches import Limits
from qtui.judges import fingerprint
from qtui.records import Answer, JudgeSpec, Task, TaskSet, content_hash
from qtui.run_progress import JudgeProgress
from qtui.runner.batch_grading import BatchesEnd, grade_in_batches
from qtui.runner.control import Control
from qtui.runner.how_to_wait import HowToWait
from qtui.store import Store, grades, new_runs, open_store, runs
from tests import stores

TASKS = TaskSet("pets", tuple(Task(f"動物を{i}匹挙げて", f"猫{i}") for i in range(1, 5)))
QUESTIONS = 6
"""Two variants times four tasks; task 1 has the same answer twice, and task 2 an empty one."""


def spec(base_url: str, **changes: object) -> JudgeSpec:
    settings = {"model": "grader", "base_url": base_url, "api_key_env": "BATCH_KEY", "batch": True} | changes
    return JudgeSpec("openai", **settings)  # type: ignore[arg-type]


def new_run(path: Path, judge: JudgeSpec, experiment: str = "pets") -> tuple[Store, int]:
    store = open_store(path)
    new = new_runs.NewJudge(judge.label, judge.takes, fingerprint(judge), asdict(judge))
    variants = stores.variants(TASKS, ("FP16", "Q2_K"))
    run_id = stores.new_run(store, experiment, TASKS, variants, judges=[new])
    stores.answer_all(store, run_id, lambda variant, number, _: _answer(variant.name, number))
    return store, run_id


def _answer(variant: str, number: int) -> Answer:
    text = {1: "猫", 2: "" if variant == "Q2_K" else "犬"}.get(number, f"{variant}の猫{number}\u2028")
    return Answer(content_hash(variant, number), text, "stop")


class Pauses:
    """Waits no time and keeps how long it would have been."""

    def __init__(self, then: Callable[[float], None] = lambda _seconds: None) -> None:
        self.seconds: list[float] = []
        self._then = then

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._then(seconds)
        await asyncio.sleep(0)


async def grade_run(
    store: Store,
    run_id: int,
    judge: JudgeSpec,
    *,
    pauses: Pauses | None = None,
    leaves: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - the record is frozen
    control: Control | None = None,
    again: bool = False,
) -> BatchesEnd:
    finished = asyncio.Event()
    finished.set()
    how = HowToWait(leaves, limits, pauses or Pauses(), again)
    return await grade_in_batches(store, run_id, [judge], control or Control(), finished=finished, how=how)


def grades_of(store: Store, run_id: int) -> dict[tuple[str, int], tuple[int | None, str]]:
    """Grade and reason by variant and task, of the first take."""
    rows = grades.rows(store, [run_id])
    return {(row["name"], row["position"]): (row["grade"], row["reason"]) for row in rows if row["take"] == 1}


def judge_of(store: Store) -> JudgeProgress:
    return runs.summaries(store)[0].judges[-1]
