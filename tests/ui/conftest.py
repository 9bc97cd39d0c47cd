"""Stores for the pilot tests: real files, filled through the store's own functions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.run_progress import VariantProgress
from qtui.store import Store, new_runs, open_store
from tests import stores
from tests.ui.figures_child import figures_child, shared_child

__all__ = ["figures_child", "shared_child"]

TASKS = (
    Task("「海」という言葉を使って俳句を作ってください。", "海の風 子らの笑い声 波の上", "五七五になっているか。"),
    Task("次の文を敬語に直してください: 明日行く。", "明日伺います。", "謙譲語を使っているか。"),
    Task("3人で12個のりんごを分けると1人何個ですか。", "4個です。", "4と答えているか。"),
    Task(
        "日本の四季について説明してください。", "春は桜、夏は海、秋は紅葉、冬は雪です。", "四つの季節に触れているか。"
    ),
)
FOUR = TaskSet("four", TASKS)
ENGINES = {"FP16": "transformers", "Q4_K_M": "llama.cpp"}
JUDGE = "openai:gpt-4"


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


def fill(
    store: Store,
    experiment: str = "study",
    models: tuple[str, ...] = ("org/small", "org/large"),
    names: tuple[str, ...] = ("FP16", "Q4_K_M"),
) -> int:
    """A finished run: models with two variants each, four tasks, grades of one judge with a reason. Its id."""

    def answer(variant: VariantProgress, number: int, task: Task) -> Answer:
        text = f"{task.reference}{variant.name}の{variant.model}の答えです。" * (number if variant.is_baseline else 1)
        return Answer(content_hash(variant.model, variant.name, task.hash), text, "stop", 40, 20 + number, 0.5)

    run_id = stores.new_run(
        store,
        experiment,
        FOUR,
        [
            variant
            for model in models
            for name in names
            for variant in stores.variants(FOUR, (name,), model, engine=ENGINES[name])
        ],
        judges=[new_runs.NewJudge(JUDGE, 1, "f1", {})],
        source="import",
        origin="/data/study",
        definition=f'name = "{experiment}"\n',
    )
    stores.answer_all(store, run_id, answer)
    stores.grade(store, run_id, dict.fromkeys(names, (3, 4, 2, 3)), judge=JUDGE, fingerprint="f1", reasons="理由です。")
    return run_id


def fill_candidates(
    store: Store, differing: dict[str, int], experiment: str = "several", *, baseline: str = "FP16"
) -> int:
    """A finished run of one model whose candidates differ from the baseline in so many of the four answers. Its id."""
    run_id = stores.new_run(
        store,
        experiment,
        FOUR,
        stores.variants(FOUR, (baseline, *differing), "org/several", baseline=baseline),
        source="import",
        origin="/data/several",
    )
    stores.answer_all(
        store,
        run_id,
        lambda variant, number, task: reference_answer(
            variant.id, task, differs=number <= differing.get(variant.name, 0)
        ),
    )
    return run_id


def reference_answer(variant_id: int, task: Task, *, differs: bool) -> Answer:
    """Return an answer that is the task's reference, or differs from it at its end."""
    text = task.reference + ("違います。" if differs else "")
    return Answer(content_hash(variant_id, task.hash, text), text, "stop", 40, 20, 0.5)


@pytest.fixture
def study(store: Store) -> int:
    """The id of the run of `fill` in the test's store."""
    return fill(store)
