"""A store of 1,000 answers. `python -m tests.bench.thousand_answers STORE` adds 1,000 answers a second to a store."""

import sys
import time
from itertools import count
from pathlib import Path

from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.run_progress import VariantProgress
from qtui.store import answers, new_runs, open_store, runs
from tests import stores

JUDGE = "openai:gpt-4"
MODELS = tuple(f"org/model-{number}" for number in range(1, 6))
HUNDRED = TaskSet(
    "hundred", tuple(Task(f"質問{n}: 日本の都市について説明してください。", f"都市{n}です。", "") for n in range(100))
)
BATCH = 50
"""Answers a commit: twenty commits a second."""


def make_store(path: Path) -> None:
    """Five models, two variants each, a hundred tasks: 1,000 answers with grades."""
    store = open_store(path)
    names = ("FP16", "Q4_K_M")
    variants = [variant for model in MODELS for variant in stores.variants(HUNDRED, names, model)]
    run_id = stores.new_run(
        store, "thousand", HUNDRED, variants, judges=[new_runs.NewJudge(JUDGE, 1, "f1", {})], source="import"
    )
    stores.answer_all(store, run_id, _answer)
    grades = {name: [1 + (n * step) % 5 for n in range(100)] for name, step in zip(names, (7, 11), strict=True)}
    stores.grade(store, run_id, grades, judge=JUDGE, fingerprint="f1", reasons="理由です。")
    stores.finish(store, run_id)
    store.close()


def _answer(variant: VariantProgress, number: int, task: Task) -> Answer:
    text = f"{task.reference}{variant.name}の{variant.model}の答えです。" * (
        1 + number % (7 if variant.is_baseline else 5)
    )
    return Answer(content_hash(variant.model, variant.name, task.hash), text, "stop", 40, 20 + number, 0.5)


def write_for_ever(path: Path) -> None:
    store = open_store(path)
    run_id = stores.new_run(store, "written", HUNDRED, stores.variants(HUNDRED, ("FP16", "Q8_0"), "org/written"))
    stores.begin(store, run_id)
    [run] = runs.summaries(store, [run_id])
    places = [(variant.id, task_id) for variant in run.variants for task_id, _ in runs.tasks(store, run_id)]
    due = time.monotonic()
    for batch in count():
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        pairs = [
            (
                answers.Link(*places[n % len(places)], n // len(places)),
                Answer(content_hash("w", n), "答え" * 40, "stop", 40, 80, 0.5),
            )
            for n in numbers
        ]
        answers.commit_many(store, pairs)
        due += BATCH / 1000
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
