"""Runs whose answers a test gives, graded in this process by a judge at a loopback endpoint: the real store, queue and HTTP."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from qtui.judges import fingerprint
from qtui.records import Answer, JudgeSpec, Task, TaskSet, content_hash
from qtui.runner import added_judges
from qtui.runner.control import Control
from qtui.runner.grading import grade_run
from qtui.store import Store, grades, judges, new_runs, open_store
from qtui.store.judges import StoredJudge
from tests import stores

PROMPT = "{input_text}|{pred}"


def spec(base_url: str = "", **changes: object) -> JudgeSpec:
    settings = {
        "model": "grader",
        "base_url": base_url,
        "api_key_env": "",
        "prompt": PROMPT,
        "concurrency": 1,
    } | changes
    return JudgeSpec("openai", **settings)  # type: ignore[arg-type]


def new_run(path: Path, judge: JudgeSpec, variants: Sequence[str], tasks: int) -> tuple[Store, int]:
    """Return a run of one model without answers; the baseline is FP16, and the tasks are t1, t2 …"""
    task_set = TaskSet("t", tuple(Task(f"t{number}", "") for number in range(1, tasks + 1)))
    store = open_store(path)
    new = new_runs.NewJudge(judge.label, judge.takes, fingerprint(judge), asdict(judge))
    return store, stores.new_run(store, "e", task_set, stores.variants(task_set, variants), judges=[new])


def imported_run(path: Path, judge: JudgeSpec, texts: Mapping[str, Sequence[str]]) -> tuple[Store, int]:
    """Return a run of imported answers with an added judge: what a runner needs no engine for."""
    task_set = TaskSet("t", tuple(Task(f"t{number}", "") for number in range(1, max(map(len, texts.values())) + 1)))
    store = open_store(path)
    run_id = stores.new_run(store, "e", task_set, stores.variants(task_set, list(texts)), source="import")
    added_judges.add(store, run_id, judge)
    answer_all(store, run_id, texts)
    return store, run_id


def answer(store: Store, run_id: int, variant: str, number: int, text: str) -> int:
    return stores.answer(store, run_id, variant, number, Answer(content_hash(variant, number, text), text, "stop"))


def answer_all(store: Store, run_id: int, texts: Mapping[str, Sequence[str]]) -> None:
    for variant, of_variant in texts.items():
        for number, text in enumerate(of_variant, start=1):
            answer(store, run_id, variant, number, text)


def stored(store: Store, run_id: int) -> StoredJudge:
    return judges.of_run(store, run_id)[-1]


def graded(store: Store, run_id: int) -> list[tuple[str, int, int, int | None]]:
    """(variant, task, take, grade), in the order of the store's rows."""
    return [(row["name"], row["position"], row["take"], row["grade"]) for row in grades.rows(store, [run_id])]


async def grade_all(
    store: Store,
    run_id: int,
    *specs: JudgeSpec,
    control: Control | None = None,
    again: bool = False,
    until_margin: float | None = None,
) -> list[str]:
    """Grade a run whose answers are all there."""
    finished = asyncio.Event()
    finished.set()
    return await grade_run(
        store,
        run_id,
        specs,
        control or Control(),
        answered=asyncio.Event(),
        finished=finished,
        again=again,
        until_margin=until_margin,
    )
