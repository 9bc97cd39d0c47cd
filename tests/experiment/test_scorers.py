"""Scorers in an experiment's file: read whole, no part of the plan, and kept by a stored run whatever becomes of their files."""

import json
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, load, parse

EXPERIMENT = """
name = "e"
tasks = "demo"

[[models]]
name = "m"

  [[models.variants]]
  name = "v"
  engine = "transformers"
  weights = "demo"
"""
SCORER = '[[scorers]]\nkind = "json_schema"\nschema_file = "s.json"\nmargin = 0.1\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "e.toml").write_text(EXPERIMENT + SCORER, encoding="utf-8")
    (tmp_path / "s.json").write_text('{"type": "object"}', encoding="utf-8")
    return tmp_path


def test_a_scorer_has_its_settings_and_the_text_of_its_file(folder: Path) -> None:
    [scorer] = load(folder / "e.toml").scorers
    assert (scorer.label, scorer.margin, scorer.settings) == ("json_schema", 0.1, {"schema": '{"type": "object"}'})


def test_a_scorer_is_no_part_of_the_plan(folder: Path) -> None:
    assert load(folder / "e.toml").plan == parse(EXPERIMENT, folder / "e.toml").plan


def test_a_stored_run_does_not_need_the_files_of_its_scorers(folder: Path) -> None:
    experiment = load(folder / "e.toml")
    (folder / "s.json").unlink()
    assert parse(experiment.text, folder / "e.toml", stored_tasks=experiment.task_set).plan == experiment.plan
    with pytest.raises(UserError, match=r"scorers\[1\].schema_file: .*s.json: no such file"):
        load(folder / "e.toml")


def test_code_without_a_sandbox_is_refused(folder: Path) -> None:
    (folder / "e.toml").write_text(EXPERIMENT + '[[scorers]]\nkind = "code"\n', encoding="utf-8")
    with pytest.raises(UserError, match="runs no model's code by itself"):
        load(folder / "e.toml")


def suite(tmp_path: Path, tasks: str, scorers: str = "") -> Experiment:
    rows = {"gsm8k": [{"question": "3+4?", "answer": "#### 7"}], "mgsm-ja": [{"question": "1+1?", "answer": "2"}]}
    checks = [
        {
            "task_id": "0",
            "prompt": "def f():",
            "canonical_solution": "1",
            "test": "def check(c): ...",
            "entry_point": "f",
        }
    ]
    for name, each in (rows | {"humaneval": checks}).items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, each)), encoding="utf-8")
    tables = "".join(f'[[task_sets]]\nsource = "{name}"\npath = "{name}.jsonl"\n' for name in tasks.split())
    (tmp_path / "e.toml").write_text(
        EXPERIMENT.replace('tasks = "demo"', tables, 1).replace('name = "e"\n', "", 1), encoding="utf-8"
    )
    text = (tmp_path / "e.toml").read_text(encoding="utf-8")
    (tmp_path / "e.toml").write_text(f'name = "e"\n{text}{scorers}', encoding="utf-8")
    return load(tmp_path / "e.toml")


def test_task_sets_with_the_same_scorer_bring_it_along_once(tmp_path: Path) -> None:
    [scorer] = suite(tmp_path, "gsm8k mgsm-ja").scorers
    assert (scorer.label, scorer.subsets) == ("last_number", ("gsm8k", "mgsm-ja"))


def test_a_set_alone_brings_a_scorer_of_all_tasks(tmp_path: Path) -> None:
    assert [(each.label, each.subsets) for each in suite(tmp_path, "gsm8k").scorers] == [("last_number", ())]


def test_a_scorer_of_the_experiment_takes_the_place_of_the_set_s_own(tmp_path: Path) -> None:
    named = '[[scorers]]\nkind = "exact_match"\nsubsets = ["gsm8k"]\n'
    found = suite(tmp_path, "gsm8k mgsm-ja", named).scorers
    assert [(each.label, each.subsets) for each in found] == [
        ("exact_match", ("gsm8k",)),
        ("last_number", ("mgsm-ja",)),
    ]


def test_code_is_not_run_without_a_sandbox_that_the_experiment_names(tmp_path: Path) -> None:
    experiment = suite(tmp_path, "humaneval gsm8k")
    assert [each.kind for each in experiment.scorers] == ["last_number"]
    assert any("humaneval are not scored by the set's own scorer: " in each for each in experiment.notes)
