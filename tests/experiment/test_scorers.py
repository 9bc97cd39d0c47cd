"""Scorers in an experiment's file: read whole, no part of the plan, and kept by a stored run whatever becomes of their files."""

from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import load, parse

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
