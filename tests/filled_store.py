"""A store with runs in it, made through the store's own functions: what panes, commands and exports are tested on."""

from collections.abc import Sequence
from pathlib import Path

from qtui.records import Answer, FinishReason, Grade, Task, TaskSet, content_hash
from qtui.store import Store, answers, grades, open_store, runs

TASKS = TaskSet("pets", tuple(Task(f"動物を{i}匹挙げて", f"猫{i}", "数") for i in range(1, 13)))
HOSTILE = "[/INST] \x1b]0;owned\x07\x9b2J\u202e| 猫\r\n<b>「犬」"
JUDGE = "openai:strict"


def fill(path: Path, experiment: str = "pets", *, grade_of: dict[str, Sequence[int | None]] | None = None) -> int:
    """A done run of one model: FP16 (baseline), Q4_K_M, Q2_K. Task 3 is hostile, in Q2_K task 4 is empty. The run's id.

    `grade_of` is variant → a grade per task, None for ungraded; by default nothing is graded.
    """
    store = open_store(path)
    names = ("FP16", "Q4_K_M", "Q2_K")
    run_id = runs.add(store, _new_run(experiment, names, graded=bool(grade_of)))
    variants = {variant.name: variant.id for variant in runs.summaries(store, [run_id])[0].variants}
    task_ids = [task_id for task_id, _ in runs.tasks(store, run_id)]
    for name in names:
        links = [answers.Link(variants[name], task_id, 0) for task_id in task_ids]
        made = [_answer(experiment, name, number) for number in range(1, len(task_ids) + 1)]
        answers.commit_many(store, zip(links, made, strict=True))
        _grade(store, made, task_ids, (grade_of or {}).get(name, ()))
        runs.set_variant(store, variants[name], state="done")
    runs.set_state(store, run_id, "done")
    store.close()
    return run_id


def set_role(path: Path, variant: str, role: str) -> None:
    """As if the experiment had marked the variant."""
    store = open_store(path)
    store.execute("UPDATE variant SET role = ? WHERE name = ?", (role, variant))
    store.close()


def _new_run(experiment: str, names: Sequence[str], *, graded: bool) -> runs.NewRun:
    conditions = {"prompt": "p", "sampling": '{"temperature": 0.0}', "task_set": TASKS.hash}
    return runs.NewRun(
        experiment=experiment,
        plan=experiment,
        definition="",
        source="run",
        origin="",
        task_set=TASKS,
        variants=[
            runs.NewVariant("pet-7b", name, name == "FP16", "llama.cpp", name, "w", len(TASKS.tasks), conditions)
            for name in names
        ],
        judges=[runs.NewJudge(JUDGE, 1, "f", {})] if graded else (),
    )


def _answer(experiment: str, name: str, number: int) -> Answer:
    text = f"猫が{number}匹います。" * (number if name == "FP16" else 1)
    if number == 3:
        text = HOSTILE
    if name == "Q2_K" and number == 4:
        text = ""
    finish: FinishReason = "length" if number == 5 else "stop"
    return Answer(content_hash(experiment, name, number), text, finish, 10, 5 * number, 0.5)


def _grade(store: Store, made: Sequence[Answer], task_ids: Sequence[int], values: Sequence[int | None]) -> None:
    for answer, task_id, value in zip(made, task_ids, values, strict=False):
        answer_id = store.execute("SELECT id FROM answer WHERE key = ?", (answer.key,)).fetchone()[0]
        key = grades.key(answer.key, str(task_id), JUDGE, "f", 1)
        grades.commit(store, [(grades.Place(answer_id, task_id), Grade(key, JUDGE, 1, value, "良い\x1b[31m", "f"))])
