"""The queue of pairs for people, from a real store: what is in it, and what a person's grade takes out of it."""

from contextlib import closing
from pathlib import Path

import pytest

from qtui.records import Answer
from qtui.results.answers import PairName
from qtui.results.worth_grading import PairToGrade, pairs_to_grade
from qtui.store import grades, judges, open_store
from qtui.store.task_answers import sides
from tests import stores
from tests.filled_store import fill

BASELINE = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]
CANDIDATE = [3, 3, 3, 1, 3, 3, 2, 3, 3, 3, 3, 3]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "queue.sqlite"
    fill(path, grade_of={"FP16": BASELINE, "Q4_K_M": CANDIDATE})
    return path


def queue(path: Path) -> tuple[PairToGrade, ...]:
    return pairs_to_grade(path, PairName(1, "pet-7b", "FP16", "Q4_K_M"), 0.2)


def grade_as_person(path: Path, variant: str, task: int) -> None:
    with closing(open_store(path)) as store:
        of_task = sides(store, 1, "pet-7b", task)
        assert of_task is not None
        side = of_task.side(variant)
        assert side is not None
        grades.commit_human(store, grades.Place(side.answers[0].answer_id, of_task.task_id), 3)


def test_the_largest_losses_come_first_and_equal_answers_not_at_all(store: Path) -> None:
    # The answers to tasks 1 and 3 are the same in both variants.
    found = queue(store)
    assert [pair.task for pair in found[:2]] == [4, 7]
    assert {pair.task for pair in found} == {2, *range(4, 13)}
    assert found[0].d == -2


def test_a_pair_leaves_the_queue_once_a_person_has_graded_both_sides(store: Path) -> None:
    grade_as_person(store, "FP16", 4)
    assert queue(store)[0].task == 4
    grade_as_person(store, "Q4_K_M", 4)
    assert 4 not in {pair.task for pair in queue(store)}


def test_a_sample_is_a_pair_of_its_own(store: Path) -> None:
    with closing(open_store(store)) as opened:
        for variant in ("FP16", "Q4_K_M"):
            stores.answer(opened, 1, variant, 2, Answer(f"{variant} 2", f"{variant}の二つ目", "stop"), sample=1)
    assert (2, 1) in {(pair.task, pair.sample) for pair in queue(store)}


def test_a_judge_of_ten_points_counts_in_grades_of_five(store: Path) -> None:
    with closing(open_store(store)) as opened:
        with opened.writing():
            judges.put(opened, 1, "openai:ten", "t", takes=1, settings={"scale": {"lowest": 1, "highest": 9}})
        given = {"FP16": [5] * 12, "Q4_K_M": [5, 9] + [5] * 10}
        stores.grade(opened, 1, given, judge="openai:ten", fingerprint="t")
    [second] = [pair for pair in queue(store) if pair.task == 2]
    # One judge sees no difference, the other 4 of 8 steps: 2 of 4.
    assert (second.parted, second.d) == (2, 1)
