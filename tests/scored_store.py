"""A store with a run whose tasks are sums and capitals, as an experiment with two task sets leaves it, and its scorers."""

from collections.abc import Sequence

from qtui import scorers
from qtui.records import NOTHING_EXPECTED, Answer, Expected, ScorerSpec, Task, TaskSet, content_hash
from qtui.run_progress import VariantProgress
from qtui.store import Store, scores
from tests import stores

WITH_TEST = Expected(checks='{"test": "pass"}')
SUMS = tuple(
    Task(
        f"{i}+{i}は？", str(2 * i), subset="sums", category="足し算", expected=WITH_TEST if i == 1 else NOTHING_EXPECTED
    )
    for i in range(1, 13)
)
CAPITALS = tuple(
    Task(
        f"首都は？ {i}",
        subset="capitals",
        category="地理",
        expected=Expected(choices=("大阪", "東京", "京都"), right_choice=1),
    )
    for i in range(12)
)
MATH = ScorerSpec("last_number", "math", 0.05, ("sums",))
CHOICE = ScorerSpec("choice", margin=0.05, subsets=("capitals",))


def answered_run(
    store: Store, names: Sequence[str] = ("FP16", "Q4"), *, source: str = "run", answered: bool = True
) -> int:
    """Return a run in which the baseline is right everywhere, and every candidate wrong in tasks 1 to 4 and 13."""
    task_set = TaskSet("both", (*SUMS, *CAPITALS))
    run_id = stores.new_run(store, "suite", task_set, stores.variants(task_set, names), source=source)
    if answered:
        stores.answer_all(store, run_id, answer)
    return run_id


def answer(variant: VariantProgress, number: int, task: Task) -> Answer:
    is_wrong = variant.name != "FP16" and number in (1, 2, 3, 4, 13)
    right = f"答えは{task.reference}です。" if task.reference else "答えはBです。"
    wrong = f"答えは{int(task.reference) + 1}です。" if task.reference else "答えはAです。"
    return Answer(content_hash("answer", variant.name, number), wrong if is_wrong else right, "stop")


def add_scorers(store: Store, run_id: int, *specs: ScorerSpec) -> None:
    with store.writing():
        for spec in specs:
            scores.put(store, run_id, spec, scorers.fingerprint(spec))
