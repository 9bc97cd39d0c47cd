"""`qtui judge`: another judge for answers that are there, run or imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from qtui.records import Answer, Task, TaskSet
from qtui.store import Store, grades, open_store, runs
from tests import stores
from tests.judges.endpoint import Failure, Say, endpoint

TASKS = TaskSet("two", (Task("a", "東京です", "c"), Task("b", "大阪です", "c")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An imported run: two variants, of which the second answers the first task as the first does, and the second not at all."""
    opened = open_store(tmp_path / "s.sqlite")
    variants = stores.variants(TASKS, ("FP16", "Q4"), engine="transformers")
    run_id = stores.new_run(opened, "study", TASKS, variants, source="import", definition="imported")
    texts = {"FP16": ("東京です", "京都"), "Q4": ("東京です", " ")}
    stores.answer_all(
        opened,
        run_id,
        lambda variant, number, _: Answer(f"{variant.name} {number}", texts[variant.name][number - 1], "unknown"),
    )
    return opened


def judge(store: Store, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", "judge", *arguments, "--store", str(store.path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def judge_at(store: Store, say: Say, *more: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    with endpoint(say) as served:
        done = judge(
            store, "openai", "--model", "grader", "--base-url", served.base_url, "--prompt", template(store), *more
        )
        return done, served.prompts


def template(store: Store) -> str:
    file = store.path.with_name("prompt.txt")
    file.write_text("{input_text}|{pred}")
    return str(file)


def graded(store: Store) -> list[tuple[str, int, int, int | None]]:
    return [(row[2], row[3], row["take"], row["grade"]) for row in grades.rows(store, [1])]


def test_imported_answers_are_graded_by_the_reference_judge(store: Store) -> None:
    assert judge(store, "reference").returncode == 0
    assert graded(store) == [("FP16", 1, 1, 5), ("FP16", 2, 1, 1), ("Q4", 1, 1, 5), ("Q4", 2, 1, 1)]
    assert runs.summaries(store)[0].state == "done"


def test_identical_answers_are_asked_once_per_take_and_empty_ones_never(store: Store) -> None:
    _, prompts = judge_at(store, lambda *_: '{"grade": 4}', "--takes", "2")
    assert sorted(prompts) == ["a|東京です", "a|東京です", "b|京都", "b|京都"]
    assert len(graded(store)) == 8


def test_graded_answers_are_not_asked_again(store: Store) -> None:
    judge_at(store, lambda *_: '{"grade": 4}')
    _, prompts = judge_at(store, lambda *_: '{"grade": 2}')
    assert prompts == []
    assert {grade for *_, grade in graded(store)} == {1, 4}


def test_refused_key_stops_the_judge_keeps_the_grades_and_says_what_to_do(store: Store) -> None:
    refusal = Failure(401, {"error": {"message": "no"}})
    done, _ = judge_at(store, lambda _, number: '{"grade": 4}' if number == 0 else refusal, "--concurrency", "1")
    assert done.returncode == 1
    assert "OPENAI_API_KEY was refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(grade or 0 for *_, grade in graded(store)) == [1, 4], (
        "the task whose answers differ: one of them is empty"
    )


def test_unreadable_reply_is_counted_as_ungraded(store: Store) -> None:
    judge_at(store, lambda *_: "十点")
    progress = runs.summaries(store)[0].judges[0]
    assert (progress.graded, progress.ungraded) == (1, 3)
