"""A store whose run was graded, and graded again by the same judge with another prompt: every reader shows the second grades."""

from collections.abc import Mapping
from pathlib import Path

from qtui.records import Answer, Grade, Task, TaskSet, content_hash
from qtui.store import Store, answers, grades, open_store, runs

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
    store = open_store(path)
    run_id = use_prompt(store, OLD)
    variants = {variant.name: variant.id for variant in runs.summaries(store, [run_id])[0].variants}
    for name in VARIANTS:
        for task_id, task in runs.tasks(store, run_id):
            answer = Answer(content_hash(name, task.hash), f"{name}の猫です。", "stop", 10, 5, 0.5)
            answers.commit(store, answers.Link(variants[name], task_id, 0), answer)
        runs.set_variant(store, variants[name], state="done")
    grade(store, run_id, OLD, dict.fromkeys(CURRENT, 1))
    use_prompt(store, NEW)
    grade(store, run_id, NEW, CURRENT)
    runs.set_state(store, run_id, "done")
    store.close()
    return run_id


def use_prompt(store: Store, fingerprint: str, state: str = "done") -> int:
    """Start the experiment with a judge of this prompt, as `qtui run` does. The run's id."""
    conditions = {"prompt": "p", "sampling": '{"temperature": 0.0}', "task_set": TASKS.hash}
    run_id = runs.add(
        store,
        runs.NewRun(
            experiment="pets",
            plan="pets",
            definition='name = "pets"\n',
            source="run",
            origin="",
            task_set=TASKS,
            variants=[
                runs.NewVariant(MODEL, name, name == "FP16", "llama.cpp", name, "w", len(TASKS.tasks), conditions)
                for name in VARIANTS
            ],
            judges=[runs.NewJudge(JUDGE, TAKES, fingerprint, {})],
        ),
    )
    judge = next(judge for judge in runs.summaries(store, [run_id])[0].judges if judge.fingerprint == fingerprint)
    runs.set_judge(store, judge.id, state)
    return run_id


def grade(store: Store, run_id: int, fingerprint: str, values: Mapping[tuple[str, int], int | None]) -> None:
    """Give all answers of a variant the same grade in a take."""
    places = grades.places(store, run_id)
    graded = []
    for name in VARIANTS:
        for position, task in enumerate(TASKS.tasks, start=1):
            answer_key = content_hash(name, task.hash)
            for take in range(1, TAKES + 1):
                key = grades.key(answer_key, task.hash, JUDGE, fingerprint, take)
                value = values[name, take]
                graded.append(
                    (places[answer_key, position], Grade(key, JUDGE, take, value, f"by the {fingerprint}", fingerprint))
                )
    grades.commit(store, graded)
