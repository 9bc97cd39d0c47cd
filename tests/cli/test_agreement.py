"""`qtui agreement`: the study's retest to the digit, judges against people, scales that differ, and nothing to compare."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from qtui.judges.protocol import empty_reply
from qtui.records import FIVE_POINTS
from qtui.store import Store, grades, judges, open_store
from qtui.store.task_answers import sides
from tests import stores
from tests.analysis.frames import reference
from tests.cli.conftest import Invoke
from tests.cli.test_commands import done
from tests.filled_store import JUDGE, fill

GRADES = {"FP16": [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4], "Q4_K_M": [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4]}
RETEST_KEYS = "name run experiment model variant judge n left_out takes"
PAIR_KEYS = (
    "run experiment a b takes_a takes_b answers tasks exact within_one kappa alpha alpha_distance mean_difference grades confusion"
    " parted"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that a judge graded once."""
    path = tmp_path / "agreement.sqlite"
    monkeypatch.setenv("QTUI_STORE", str(path))
    fill(path, grade_of=GRADES)
    return path


def grade_as_person(opened: Store, variant: str, given: dict[int, int]) -> None:
    for task, grade in given.items():
        of_task = sides(opened, 1, "pet-7b", task)
        assert of_task is not None
        side = of_task.side(variant)
        assert side is not None
        grades.commit_human(opened, grades.Place(side.answers[0].answer_id, of_task.task_id), grade)


def test_the_retest_of_the_study_is_met_to_the_digit(shared: Path, tmp_path: Path, invoke: Invoke) -> None:
    store = str(tmp_path / "study.sqlite")
    done(invoke("import", "gpt4-autoeval", str(shared / "data/gpt4-autoeval/assets"), "--store", store))
    found = json.loads(done(invoke("agreement", "--json", "--store", store)))
    [retest] = found["retests"]
    wanted = reference(shared, "judge_retest.json")["CALM2-7B FP16"]
    assert {name: retest[name] for name in wanted} == wanted
    assert " ".join(list(retest)[:9]) == RETEST_KEYS
    [pair] = found["pairs"]
    # Over all takes at once, the same α as the retest has.
    assert (pair["a"], pair["b"], pair["alpha"]["value"]) == (pair["a"], pair["a"], wanted["alpha_ordinal"])


def test_a_judge_and_a_person_are_held_against_each_other(store: Path, invoke: Invoke) -> None:
    with closing(open_store(store)) as opened:
        grade_as_person(opened, "FP16", {1: 1, 2: 2, 3: 3, 4: 5, 7: 1})
    [pair] = json.loads(done(invoke("agreement", "pets", "--json")))["pairs"]
    assert " ".join(pair) == PAIR_KEYS
    assert (pair["a"], pair["b"], pair["answers"]) == (JUDGE, "human", 5)
    assert (pair["exact"]["value"], pair["within_one"]["value"]) == (0.6, 0.8)
    assert pair["grades"] == [1, 2, 3, 4, 5]
    assert [parted["task"] for parted in pair["parted"]] == [7, 4]
    text = done(invoke("agreement", "1"))
    assert f"{JUDGE} against human: 5 answers to 5 tasks" in text
    assert "exact                    60 % (" in text
    assert "task 7: by 2.0; 3.0 and 1.0 for pet-7b FP16" in text


def test_a_scale_of_ten_is_not_compared_with_one_of_five(store: Path, invoke: Invoke) -> None:
    with closing(open_store(store)) as opened:
        with opened.writing():
            judges.put(opened, 1, "openai:ten", "t", takes=1, settings={"scale": {"lowest": 1, "highest": 10}})
        stores.grade(opened, 1, {"FP16": [10, 9, 8]}, judge="openai:ten", fingerprint="t")
    found = json.loads(done(invoke("agreement", "--json")))
    assert found["pairs"] == []
    assert f"{JUDGE} (1–5) and openai:ten (1–10) are not compared, because their scales differ" in found["notes"]


def test_empty_answers_that_nobody_was_asked_about_are_left_out_and_counted(store: Path, invoke: Invoke) -> None:
    with closing(open_store(store)) as opened:
        stores.grade(opened, 1, {"Q2_K": [None, None, None, 1]}, judge=JUDGE, reasons=empty_reply(FIVE_POINTS).reason)
        grade_as_person(opened, "Q2_K", {4: 1})
    found = json.loads(done(invoke("agreement", "--json")))
    assert found["pairs"] == []
    assert "4 grades of empty answers, given without asking, are left out" in found["notes"]


def test_one_grader_is_said_to_be_alone(store: Path, invoke: Invoke) -> None:
    assert "no answer has grades of two graders, or of two takes of one judge" in done(invoke("agreement"))


def test_a_run_that_nobody_graded_has_no_graders(tmp_path: Path, invoke: Invoke) -> None:
    path = tmp_path / "ungraded.sqlite"
    fill(path)
    assert "no answer has grades of two graders" in done(invoke("agreement", "--store", str(path)))


def test_a_run_is_named_once(store: Path, invoke: Invoke) -> None:
    assert "name the run once" in invoke("agreement", "pets", "--run", "1").stderr
    assert "has no run 7" in str(invoke("agreement", "7").exception)
    assert "has no experiment 'dogs'" in str(invoke("agreement", "dogs").exception)
