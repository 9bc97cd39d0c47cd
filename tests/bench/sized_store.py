"""A store of any size: ten models, a baseline and a candidate each, as many answers as asked for, with the lengths of real ones.

`python -m tests.bench.sized_store FILE --answers 1000000` makes a store of about one gigabyte; `--graded` adds a judge's grade of
every answer.
"""

import random
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from qtui.records import Answer, FinishReason, Grade, Task, TaskSet, content_hash
from qtui.store import Store, answers, grades, new_runs, open_store, runs

MODELS, SIDES = 10, ("FP16", "Q4_K_M")
JUDGE, FINGERPRINT = "judge", "f"
_SENTENCES = (
    "量子化とは、モデルの重みを少ないビット数で表すことです。",
    "精度は少し下がりますが、必要な記憶容量は大きく減ります。",
    "たとえば、四ビットにすると大きさは四分の一ほどになります。",
    "The weights are kept in blocks, and each block has a scale of its own.",
    "したがって、同じ計算機でより大きなモデルを動かせます。",
    "まとめると、速さと質のどちらを重く見るかで選び方が変わります。",
)


def fill(path: Path, wanted: int, *, graded: bool = False) -> int:
    """Make the store at `path` with `wanted` answers, rounded to whole tasks. Return the id of its run."""
    tasks = max(1, wanted // (MODELS * len(SIDES)))
    task_set = TaskSet("sized", tuple(Task(f"問い {n}: 量子化とは何ですか。", f"答え {n}", "") for n in range(tasks)))
    variants = [
        new_runs.NewVariant(f"model-{m}", side, side == SIDES[0], "llama.cpp", side, f"{m}:{side}", tasks, {})
        for m in range(MODELS)
        for side in SIDES
    ]
    with closing(open_store(path)) as store:
        run_id = new_runs.add(store, new_runs.NewRun("sized", "plan", "", "import", "", task_set, variants))
        [run] = runs.summaries(store, [run_id])
        ids = [task_id for task_id, _ in runs.tasks(store, run_id)]
        for variant in run.variants:
            answers.commit_many(store, _answers(variant.id, variant.position, ids))
        if graded:
            _grade(store, run_id)
    return run_id


def _answers(variant_id: int, position: int, task_ids: list[int]) -> Iterator[tuple[answers.Link, Answer]]:
    chance = random.Random(position)
    for number, task_id in enumerate(task_ids):
        sentences = max(0, round(chance.gauss(14 if position % 2 == 0 else 12, 5)))
        text = "".join(chance.choices(_SENTENCES, k=sentences)) + f"（{number}）" * (sentences > 0)
        reason: FinishReason = "length" if chance.random() < 0.02 else "stop"
        key = content_hash(position, number)
        yield answers.Link(variant_id, task_id, 0), Answer(key, text, reason, 40, len(text), 1.0)


def _grade(store: Store, run_id: int) -> None:
    from tests import stores

    stores.add_judge(store, run_id, JUDGE, FINGERPRINT)
    chance = random.Random(0)
    grades.commit(
        store,
        (
            (place, Grade(f"{key}:{task}", JUDGE, 1, chance.choice((3, 4, 4, 5)), "because", FINGERPRINT))
            for (key, task), place in grades.places(store, run_id).items()
        ),
    )


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.bench.sized_store", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--graded", action="store_true")
    given = parser.parse_args()
    run_id = fill(given.file, given.answers, graded=given.graded)
    print(f"{given.file}: run {run_id}, {given.answers} answers, {given.file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
