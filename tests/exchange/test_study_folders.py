"""A whole repository: what is the study is imported, and what is left out is named with its reason."""

import json
import os
from pathlib import Path

import pytest

from qtui.exchange import gpt4_autoeval
from qtui.exchange.gpt4_autoeval import Study
from qtui.store import Store, grades, open_store, runs
from tests.cli.conftest import Invoke, invoke
from tests.exchange.study_tree import TASKS, put_grades, put_lines, put_variant, refusal

__all__ = ["invoke"]

OTHER_TASKS = [{**TASKS[0], "input_text": "別の問"}, TASKS[1]]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository with one model before and after."""
    repository = tmp_path / "repository"
    put_grades(put_variant(repository / "assets" / "org" / "pet-7b", "猫", "犬"), "result.jsonl", 5, 4)
    put_variant(repository / "assets" / "org" / "pet-7b-gguf-q4km-hf", "猫", "")
    return repository


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store.sqlite")


def left_out(study: Study) -> dict[str, str]:
    return {each.folder: each.reason for each in study.left_out}


def test_a_whole_repository_is_the_study_and_what_was_left_out(top: Path, store: Store) -> None:
    put_grades(put_variant(top / "assets" / "test", "あ", tasks=[OTHER_TASKS[0]]), "result.jsonl", 3)
    (put_variant(top / "assets" / "org" / "lost", "猫", "犬") / "dataset.jsonl").unlink()
    put_lines(top / "assets" / "two_tasks" / "dataset.jsonl", *TASKS)
    put_variant(top / ".git" / "old", "猫", "犬")
    put_variant(top / "assets" / "org" / "pet-7b" / ".ipynb_checkpoints", "猫", "犬")
    (top / "notebooks" / "empty").mkdir(parents=True)
    for name in ("README.md", "notebooks/score.ipynb", "assets/.DS_Store"):
        (top / name).write_text("{}", encoding="utf-8")
    study = gpt4_autoeval.read(top)
    assert [(v.model, v.name) for v in study.variants] == [("pet-7b", "FP16"), ("pet-7b", "Q4_K_M")]
    assert study.task_set.name == "two_tasks"
    assert left_out(study) == {
        "assets/test": "other tasks (task 1 differs in its input from that of the study)."
        " Import the folder separately with --name OTHER",
        "assets/org/lost": "no dataset.jsonl, so the tasks of its answers are unknown."
        " If they are the study's, copy that file into this folder",
    }
    gpt4_autoeval.write(store, study)
    assert "Left out assets/test: other tasks" in runs.definition(store, 1)


def test_what_is_left_out_can_be_imported_by_itself(top: Path, store: Store) -> None:
    odd = put_variant(top / "assets" / "test", "あ", "い", tasks=OTHER_TASKS)
    gpt4_autoeval.write(store, gpt4_autoeval.read(top))
    other = gpt4_autoeval.read(odd)
    assert (other.models, other.left_out) == (("test",), ())
    assert gpt4_autoeval.write(store, other, "other").new_answers == 2


def test_every_sentence_is_printed_and_in_json(top: Path, invoke: Invoke, tmp_path: Path) -> None:
    put_variant(top / "assets" / "test", "あ", "い", "う", tasks=[*TASKS, TASKS[0]])
    reason = "other tasks (3 tasks, not the 2 of the study). Import the folder separately with --name OTHER"
    words = ("import", "gpt4-autoeval", str(top), "--store", str(tmp_path / "s.sqlite"))
    assert f"\nLeft out assets/test: {reason}.\n" in invoke(*words).stdout
    assert json.loads(invoke(*words, "--json").stdout)["left_out"] == [{"folder": "assets/test", "reason": reason}]


def test_two_task_sets_in_as_many_folders_are_refused_since_neither_is_the_study(tmp_path: Path) -> None:
    put_variant(tmp_path / "a", "猫", "犬")
    put_variant(tmp_path / "b", "猫", "犬", tasks=OTHER_TASKS)
    said = refusal(tmp_path)
    assert said.startswith(f"{tmp_path / 'b/dataset.jsonl'}: task 1 differs in its input from that in {tmp_path}/a/")
    assert "--skip b" in said
    assert gpt4_autoeval.read(tmp_path, skip=("b",)).models == ("a",)


def test_a_folder_of_the_study_without_its_only_tasks_is_refused(tmp_path: Path) -> None:
    file = put_variant(tmp_path / "pet", "猫", "犬") / "dataset.jsonl"
    file.unlink()
    assert refusal(tmp_path).startswith(f"{file}: no such file")
    file.write_text("", encoding="utf-8")
    assert refusal(tmp_path) == f"{file}: is empty"


def test_tasks_of_answers_are_known_where_the_same_answers_were_graded_again(top: Path) -> None:
    put_variant(top / "assets" / "org" / "fox", "猫", "狐")
    put_grades(put_variant(top / "assets" / "org" / "fox_cmdr+", "猫", "狐"), "result.jsonl", 1, 2)
    (top / "assets" / "org" / "fox" / "dataset.jsonl").unlink()
    study = gpt4_autoeval.read(top)
    fox = next(v for v in study.variants if v.model == "fox")
    assert ([take.judge for take in fox.takes], study.left_out) == (["cmdr+"], ())


def test_grades_of_answers_that_are_left_out_are_left_out_with_them(top: Path) -> None:
    put_variant(top / "assets" / "test", "あ", "い", tasks=OTHER_TASKS)
    put_grades(top / "assets" / "test_cmdr+", "result.jsonl", 1, 2)
    put_grades(top / "assets" / "orphan", "result.jsonl", 1, 2)
    found = left_out(gpt4_autoeval.read(top))
    assert found["assets/test_cmdr+"] == "its grades are of answers in test, which is left out"
    assert found["assets/orphan"] == "no preds.jsonl, so its grades have no answers"


@pytest.mark.parametrize(
    "name", ["pet-7b-gpt3.5", "pet-7b-gpt-4o", "pet-7b_claude-3-opus", "pet-7b-gguf-q4km-hf-gpt3.5"]
)
def test_a_judge_after_a_hyphen_grades_the_same_answers_again(top: Path, store: Store, name: str) -> None:
    answers = ("猫", "") if "gguf" in name else ("猫", "犬")
    put_grades(put_variant(top / "assets" / "org" / name, *answers), "result.jsonl", 1, 2)
    study = gpt4_autoeval.read(top)
    assert [(v.model, v.name) for v in study.variants] == [("pet-7b", "FP16"), ("pet-7b", "Q4_K_M")]
    run_id = gpt4_autoeval.write(store, study).run_id
    judge = name.removeprefix("pet-7b").removeprefix("-gguf-q4km-hf")[1:]
    assert {row["judge"] for row in grades.rows(store, [run_id])} == {"gpt-4", judge}


def test_a_model_named_like_a_judge_is_a_model_if_its_answers_are_others(top: Path) -> None:
    put_grades(put_variant(top / "assets" / "org" / "pet-7b-gpt4", "虎", "狼"), "result.jsonl", 1, 1)
    assert gpt4_autoeval.read(top).models == ("pet-7b", "pet-7b-gpt4")


def test_a_quantization_that_changes_no_answer_is_no_judge(top: Path) -> None:
    put_grades(put_variant(top / "assets" / "org" / "pet-7b_gguf-q8", "猫", "犬"), "result.jsonl", 5, 5)
    assert [v.name for v in gpt4_autoeval.read(top).variants] == ["FP16", "Q4_K_M", "Q8"]


def test_files_and_folders_that_look_like_data_are_named_if_they_are_not_read(top: Path) -> None:
    for name in ("preds_old.jsonl", "result_take0.jsonl", "Result.JSONL"):
        put_lines(top / "assets" / "org" / "pet-7b" / name, {"pred": "猫"})
    put_lines(top / "assets" / "org" / "new" / "dataset.jsonl", *TASKS)
    put_lines(top / "assets" / "org" / "newer" / "dataset.jsonl", *OTHER_TASKS)
    study = gpt4_autoeval.read(top)
    found = left_out(study)
    assert found["assets/org/pet-7b"].startswith(
        "not read: Result.JSONL, preds_old.jsonl, result_take0.jsonl. Files of"
    )
    assert found["assets/org/newer"] == "has tasks but no preds.jsonl, so no answers"
    assert len(study.variants) == 2


def test_tasks_that_cannot_be_read_leave_their_folder_out_with_the_place(top: Path) -> None:
    odd = put_variant(top / "assets" / "org" / "odd", "猫", "犬")
    (odd / "dataset.jsonl").write_text("{", encoding="utf-8")
    assert f"({odd}/dataset.jsonl:1: not JSON" in left_out(gpt4_autoeval.read(top))["assets/org/odd"]


def test_a_name_that_is_not_utf8_is_left_out_and_can_be_printed(top: Path, store: Store) -> None:
    folder = top / "assets" / "org" / os.fsdecode("猫-7b".encode("cp932"))
    put_variant(folder, "猫", "犬")
    (top / "assets" / os.fsdecode(b"\xff")).mkdir()
    study = gpt4_autoeval.read(top)
    [only] = study.left_out
    assert only.reason.startswith("its name is not UTF-8")
    assert only.folder.encode().startswith(b"assets/org/")
    gpt4_autoeval.write(store, study)


def test_a_study_below_a_name_that_is_not_utf8_is_imported(top: Path, store: Store) -> None:
    moved = top.rename(top.parent / os.fsdecode(b"copy\xff"))
    assert gpt4_autoeval.write(store, gpt4_autoeval.read(moved)).new_answers == 4


def test_links_to_folders_are_followed_once(top: Path) -> None:
    outside = put_variant(top.parent / "elsewhere" / "fox", "狐", "狸").parent
    (top / "assets" / "linked").symlink_to(outside)
    (top / "assets" / "org" / "up").symlink_to(top / "assets")
    assert gpt4_autoeval.read(top).models == ("fox", "pet-7b")
