"""Stores for the pilot tests: real files, filled through the store's own functions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.records import Answer, Grade, Task, TaskSet, content_hash
from qtui.store import Store, answers, grades, open_store, runs

TASKS = (
    Task("「海」という言葉を使って俳句を作ってください。", "海の風 子らの笑い声 波の上", "五七五になっているか。"),
    Task("次の文を敬語に直してください: 明日行く。", "明日伺います。", "謙譲語を使っているか。"),
    Task("3人で12個のりんごを分けると1人何個ですか。", "4個です。", "4と答えているか。"),
    Task(
        "日本の四季について説明してください。", "春は桜、夏は海、秋は紅葉、冬は雪です。", "四つの季節に触れているか。"
    ),
)
VARIANTS = (("FP16", "transformers", True), ("Q4_K_M", "llama.cpp", False))


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where a store of this test is or will be."""
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """An empty store, open for the test itself; the app opens it again by `store_path`."""
    opened = open_store(store_path)
    yield opened
    opened.close()


def fill(store: Store, experiment: str = "study", models: tuple[str, ...] = ("org/small", "org/large")) -> int:
    """A finished run: two models with two variants each, four tasks, grades of one judge with a reason. Its id."""
    new = runs.NewRun(
        experiment=experiment,
        plan=content_hash(experiment, models),
        definition=f'name = "{experiment}"\n',
        source="import",
        origin="/data/study",
        task_set=TaskSet("four", TASKS),
        variants=[
            runs.NewVariant(model, name, is_baseline, engine, name, f"{model}:{name}", len(TASKS), {})
            for model in models
            for name, engine, is_baseline in VARIANTS
        ],
        judges=[runs.NewJudge("openai:gpt-4", 1, "f1", {})],
    )
    run_id = runs.add(store, new)
    task_rows = runs.tasks(store, run_id)
    [summary] = runs.summaries(store, [run_id])
    for variant in summary.variants:
        for number, (task_id, task) in enumerate(task_rows, start=1):
            text = f"{task.reference}{variant.name}の{variant.model}の答えです。" * (
                number if variant.is_baseline else 1
            )
            key = content_hash(variant.model, variant.name, task.hash)
            link = answers.Link(variant.id, task_id, 0)
            answer_id = answers.commit(store, link, Answer(key, text, "stop", 40, 20 + number, 0.5))
            grade = Grade(
                grades.key(key, task.hash, "openai:gpt-4", "f1", 1),
                "openai:gpt-4",
                1,
                2 + number % 3,
                "理由です。",
                "f1",
            )
            grades.commit(store, [(grades.Place(answer_id, task_id), grade)])
    return run_id


def fill_candidates(store: Store, differing: dict[str, int], experiment: str = "several") -> int:
    """A finished run of one model whose candidates differ from FP16 in so many of the four answers. Its id."""
    names = ("FP16", *differing)
    new = runs.NewRun(
        experiment=experiment,
        plan=content_hash(experiment, names),
        definition="",
        source="import",
        origin="/data/several",
        task_set=TaskSet("four", TASKS),
        variants=[
            runs.NewVariant("org/several", name, name == "FP16", "llama.cpp", name, name, len(TASKS), {})
            for name in names
        ],
    )
    run_id = runs.add(store, new)
    [summary] = runs.summaries(store, [run_id])
    for variant in summary.variants:
        for number, (task_id, task) in enumerate(runs.tasks(store, run_id)):
            answer_in_variant(store, variant.id, task_id, task.reference, number < differing.get(variant.name, 0))
    return run_id


def answer_in_variant(store: Store, variant_id: int, task_id: int, text: str, differs: bool) -> None:
    text += "違います。" if differs else ""
    key = content_hash(variant_id, task_id, text)
    answers.commit(store, answers.Link(variant_id, task_id, 0), Answer(key, text, "stop", 40, 20, 0.5))


@pytest.fixture
def study(store: Store) -> int:
    """The id of the run of `fill` in the test's store."""
    return fill(store)
