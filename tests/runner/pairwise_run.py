"""A run whose answers are all there, to be compared by a pairwise judge, and judges on loopback with known preferences."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from qtui.judges import fingerprint
from qtui.records import Answer, JudgeSpec, Task, TaskSet, content_hash
from qtui.runner.control import Control
from qtui.runner.grading import grade_run
from qtui.store import Store, new_runs, open_store, preferences
from tests import stores

TEMPLATE = "{input_text}\n<A>{answer_a}</A>\n<B>{answer_b}</B>"


def spec(base_url: str, **changes: object) -> JudgeSpec:
    settings = {"model": "arbiter", "base_url": base_url, "prompt": TEMPLATE, "pairwise": True} | changes
    return JudgeSpec("openai", **settings)  # type: ignore[arg-type]


def new_run(
    path: Path, judge: JudgeSpec, answers: Mapping[str, Sequence[str]], tasks: Sequence[Task] = ()
) -> tuple[Store, int]:
    """Return a run in which each variant (the first is the baseline) has given its answers to the tasks."""
    store = open_store(path)
    names = list(answers)
    count = len(answers[names[0]])
    task_set = TaskSet("duels", tuple(tasks) or tuple(Task(f"問い{number}") for number in range(1, count + 1)))
    new = new_runs.NewJudge(judge.label, judge.takes, fingerprint(judge), asdict(judge))
    variants = stores.variants(task_set, names, baseline=names[0])
    run_id = stores.new_run(store, "duels", task_set, variants, judges=[new])
    stores.answer_all(
        store,
        run_id,
        lambda variant, number, _: Answer(
            content_hash(variant.name, number), answers[variant.name][number - 1], "stop"
        ),
    )
    return store, run_id


async def compare(store: Store, run_id: int, judge: JudgeSpec) -> list[str]:
    """Let the judge compare until everything is asked. Returns what failed."""
    finished = asyncio.Event()
    finished.set()
    return await grade_run(store, run_id, [judge], Control(), answered=asyncio.Event(), finished=finished)


def shown(prompt: str) -> tuple[str, str]:
    """The two answers that a prompt of `TEMPLATE` shows."""
    found = re.search(r"<A>(.*)</A>\n<B>(.*)</B>", prompt, re.DOTALL)
    assert found, prompt
    return found[1], found[2]


def always(better: str) -> Callable[[str, int], str]:
    """A judge that says the same whatever it is shown."""
    return lambda _prompt, _number: json.dumps({"reason": "…", "better": better})


def longest(prompt: str, _number: int = 0) -> str:
    """A judge that prefers the longer answer, wherever it stands."""
    first, second = shown(prompt)
    better = "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
    return json.dumps({"reason": f"{len(first)}:{len(second)}", "better": better})


def choices(store: Store, run_id: int) -> dict[tuple[str, int, int, bool], str | None]:
    """The choices by candidate, task, take, and whether the candidate's answer came first."""
    return {
        (row["candidate"], row["task"], row["take"], bool(row["candidate_first"])): row["choice"]
        for row in preferences.rows(store, [run_id])
    }
