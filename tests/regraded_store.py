"""A store whose run was graded, and graded again by the same judge with another prompt: every reader shows the second grades."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.run_progress import JudgeState
from qtui.store import Store, new_runs, open_store
from tests import stores

MODEL = "pet-7b"
JUDGE = "openai:strict"
OLD, NEW = "first prompt", "second prompt"
TAKES = 2
TASKS = TaskSet("pets", tuple(Task(f"動物を{i}匹挙げて", f"猫{i}", "数") for i in range(1, 5)))
VARIANTS = ("FP16", "Q4_K_M")
CURRENT: Mapping[tuple[str, int], int] = {("FP16", 1): 5, ("FP16", 2): 4, ("Q4_K_M", 1): 3, ("Q4_K_M", 2): 2}
"""(variant, take) → the grade of the second prompt; the first prompt's were all 1."""


def fill(path: Path) -> int:
    """The run's id. Every answer has two takes of each prompt."""
    with closing(open_store(path)) as store:
        run_id = use_prompt(store, OLD)
        stores.answer_all(
            store,
            run_id,
            lambda variant, _, task: Answer(
                content_hash(variant.name, task.hash), f"{variant.name}の猫です。", "stop", 10, 5, 0.5
            ),
        )
        grade(store, run_id, OLD, dict.fromkeys(CURRENT, 1))
        use_prompt(store, NEW)
        grade(store, run_id, NEW, CURRENT)
        stores.finish(store, run_id)
    return run_id


def use_prompt(store: Store, fingerprint: str, state: JudgeState = "done") -> int:
    """Start the experiment with a judge of this prompt, as `qtui run` does. The run's id."""
    conditions = {"prompt": "p", "sampling": '{"temperature": 0.0}', "task_set": TASKS.hash}
    run_id = stores.new_run(
        store,
        "pets",
        TASKS,
        stores.variants(TASKS, VARIANTS, MODEL, conditions=conditions),
        judges=[new_runs.NewJudge(JUDGE, TAKES, fingerprint, {})],
        definition='name = "pets"\n',
    )
    stores.set_judge(store, run_id, fingerprint, state)
    return run_id


def grade(store: Store, run_id: int, fingerprint: str, values: Mapping[tuple[str, int], int | None]) -> None:
    """Give all answers of a variant the same grade in a take."""
    for take in range(1, TAKES + 1):
        same = {name: [values[name, take]] * len(TASKS.tasks) for name in VARIANTS}
        reason = f"by the {fingerprint}"
        stores.grade(store, run_id, same, judge=JUDGE, fingerprint=fingerprint, take=take, reasons=reason)
