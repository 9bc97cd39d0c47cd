"""One task's answers with their grades, and the list of tasks, as the panes read them."""

from pathlib import Path

import pytest

from qtui.store import Store, grades, notes, open_store
from qtui.store.task_answers import Extent, sides, task_lines, tasks_containing
from tests.ui.conftest import TASKS, fill

MODEL = "org/small"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store.sqlite")


def test_sides_have_every_variants_answer_with_grades_and_the_note(store: Store) -> None:
    run_id = fill(store)
    notes.put(store, run_id, MODEL, 2, notes.Note(True, "odd"))
    found = sides(store, run_id, MODEL, 2)
    assert found is not None
    assert found.task == TASKS[1]
    assert found.note == notes.Note(True, "odd")
    assert [side.variant for side in found.sides] == ["FP16", "Q4_K_M"]
    [answer] = found.sides[0].answers
    assert answer.text == "明日伺います。FP16のorg/smallの答えです。" * 2
    assert [(g.judge, g.take, g.grade, g.reason) for g in answer.grades] == [("openai:gpt-4", 1, 4, "理由です。")]


def test_there_are_no_sides_of_a_task_that_the_run_has_not(store: Store) -> None:
    assert sides(store, fill(store), MODEL, 5) is None


def test_a_persons_grade_is_shown_and_one_of_an_earlier_judge_setting_is_not(store: Store) -> None:
    run_id = fill(store)
    found = sides(store, run_id, MODEL, 1)
    assert found is not None
    answer = found.sides[0].answers[0]
    grades.commit_human(store, grades.Place(answer.answer_id, found.task_id), 5)
    with store.writing():
        store.execute("UPDATE grade SET fingerprint = 'old' WHERE judge = 'openai:gpt-4'")
    again = sides(store, run_id, MODEL, 1)
    assert again is not None
    assert [(g.judge, g.grade) for g in again.sides[0].answers[0].grades] == [("human", 5)]


@pytest.mark.parametrize("blank", ["", " \n\t", "\u3000\u2003\x85\x1c"])
def test_lengths_are_pythons_len_of_strip(store: Store, blank: str) -> None:
    run_id = fill(store)
    with store.writing():
        store.execute("UPDATE answer SET text = ?, finish_reason = 'length'", (f"{blank}日本 語🙂{blank}",))
    [first, *_] = task_lines(store, run_id, MODEL, "FP16", "Q4_K_M")
    assert first.baseline == first.candidate == Extent(len(f"{blank}日本 語🙂{blank}".strip()), True)


@pytest.mark.parametrize(
    ("needle", "tasks"),
    [
        ("りんご", {3}),
        ("五七五", {1}),
        ("q4_k_m", {1, 2, 3, 4}),
        ("_", {1, 2, 3, 4}),
        ("%", set()),
        ("odd", {4}),
        ("\\", set()),
    ],
)
def test_the_filter_looks_into_tasks_answers_and_comments(store: Store, needle: str, tasks: set[int]) -> None:
    run_id = fill(store)
    notes.put(store, run_id, MODEL, 4, notes.Note(False, "an odd one"))
    assert tasks_containing(store, run_id, MODEL, needle, ["FP16", "Q4_K_M"]) == tasks
