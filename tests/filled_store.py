"""A store with a finished run of one model in it: what panes, commands and exports are tested on."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from qtui.records import Answer, FinishReason, Role, Task, TaskSet, content_hash
from qtui.run_progress import VariantProgress
from qtui.store import new_runs, open_store
from tests import stores

TASKS = TaskSet("pets", tuple(Task(f"動物を{i}匹挙げて", f"猫{i}", "数") for i in range(1, 13)))
NAMES = ("FP16", "Q4_K_M", "Q2_K")
HOSTILE = "[/INST] \x1b]0;owned\x07\x9b2J\u202e| 猫\r\n<b>「犬」"
JUDGE = "openai:strict"


def fill(
    path: Path,
    experiment: str = "pets",
    *,
    names: Sequence[str] = NAMES,
    grade_of: Mapping[str, Sequence[int | None]] | None = None,
    roles: Mapping[str, Role] | None = None,
    source: str = "run",
    is_answered: bool = True,
) -> int:
    """A done run of one model: FP16 (baseline), Q4_K_M, Q2_K. Task 3 is hostile, in Q2_K task 4 is empty. The run's id.

    `grade_of` is variant → a grade per task, None for ungraded; by default nothing is graded.
    """
    with closing(open_store(path)) as store:
        run_id = stores.new_run(
            store,
            experiment,
            TASKS,
            _variants(names, roles),
            judges=[new_runs.NewJudge(JUDGE, 1, "f", {})] if grade_of else (),
            source=source,
        )
        if is_answered:
            stores.answer_all(store, run_id, lambda variant, number, _: _answer(experiment, variant, number))
        stores.grade(store, run_id, grade_of or {}, judge=JUDGE, reasons="良い\x1b[31m")
        stores.finish(store, run_id)
    return run_id


def set_roles(path: Path, roles: Mapping[str, Role], experiment: str = "pets") -> None:
    """Run the experiment again, with variants marked in it: variant → role."""
    with closing(open_store(path)) as store:
        stores.new_run(store, experiment, TASKS, _variants(NAMES, roles))


def _variants(names: Sequence[str], roles: Mapping[str, Role] | None = None) -> list[new_runs.NewVariant]:
    conditions = {"prompt": "p", "sampling": '{"temperature": 0.0}', "task_set": TASKS.hash}
    return stores.variants(TASKS, names, "pet-7b", roles=roles, conditions=conditions)


def _answer(experiment: str, variant: VariantProgress, number: int) -> Answer:
    text = f"猫が{number}匹います。" * (number if variant.is_baseline else 1)
    if number == 3:
        text = HOSTILE
    if variant.name == "Q2_K" and number == 4:
        text = ""
    finish: FinishReason = "length" if number == 5 else "stop"
    return Answer(content_hash(experiment, variant.name, number), text, finish, 10, 5 * number, 0.5)
