"""A suite with generated and chosen answers in one run, on both engines, scored and judged, and shown by set."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from qtui.results import frames
from qtui.store import open_store, runs
from tests.engines.thinking_llama import ANSWER, thinking_llama

pytest.importorskip("llama_cpp", reason="needs the engines extra")
pytest.importorskip("torch", reason="needs the engines extra")

EXPERIMENT = """
name = "suite"
[[task_sets]]
source = "open"
[[task_sets]]
source = "choices"
[sampling]
max_tokens = 16
[[models]]
name = "m"
  [[models.variants]]
  name = "transformers"
  engine = "transformers"
  weights = "tiny"
  precision = "float32"
  threads = 1
  [[models.variants]]
  name = "llama.cpp"
  engine = "llama.cpp"
  weights = "tiny"
  precision = "F32"
  threads = 1
[[judges]]
kind = "reference"
[[scorers]]
kind = "choice"
by = "log_likelihood"
subsets = ["choices"]
[[scorers]]
kind = "exact_match"
subsets = ["open"]
"""
SET = '[source]\npath = "NAME.jsonl"\n[columns]\nCOLUMNS\n[prompt]\nquestion = "{q}"\n'
COLUMNS = {"open": 'reference = "a"', "choices": 'choices = "choices"\nright = "right"\nright_is = "index"'}
ROWS: dict[str, list[dict[str, object]]] = {
    "open": [{"q": f"色は{i}?", "a": ANSWER if i else "別の答え"} for i in range(4)],
    "choices": [{"q": f"問い{i}", "choices": ["red", "dark blue", "no"], "right": i % 3} for i in range(6)],
}


def qtui(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(folder / "s.sqlite")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_a_suite_of_generated_and_chosen_answers_runs_whole_on_both_engines(tmp_path: Path) -> None:
    thinking_llama(tmp_path / "tiny")
    (tmp_path / "task_sets").mkdir()
    for name, rows in ROWS.items():
        (tmp_path / "task_sets" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        definition = SET.replace("NAME", name).replace("COLUMNS", COLUMNS[name])
        (tmp_path / "task_sets" / f"{name}.toml").write_text(definition, encoding="utf-8")
    (tmp_path / "e.toml").write_text(EXPERIMENT, encoding="utf-8")

    qtui(tmp_path, "run", str(tmp_path / "e.toml"))

    with closing(open_store(tmp_path / "s.sqlite")) as store:
        [run] = runs.summaries(store)
    assert (run.answered, run.state) == (2 * 10, "done")
    assert {scorer.label: (scorer.scored, scorer.unscored) for scorer in run.scorers} == {
        "choice": (12, 0),
        "exact_match": (8, 0),
    }
    answered = frames.load(tmp_path / "s.sqlite", [1], with_choices=True).answers
    by_engine = {name: list(rows["text"]) for name, rows in answered.groupby("variant")}
    assert by_engine["transformers"] == by_engine["llama.cpp"]
    table = json.loads(qtui(tmp_path, "scores", "--by", "set", "--json"))
    found = {(row["scorer"], row["group"]): row for row in table["scorers"] if row["group_kind"] == "all"}
    assert {scorer for scorer, _ in found} == {"choice", "exact_match"}
    for row in found.values():
        assert (row["difference"], row["right_to_wrong"], row["wrong_to_right"]) == (0, 0, 0)
    exact = next(row for (scorer, _), row in found.items() if scorer == "exact_match")
    assert exact["baseline_mean"] == pytest.approx(0.75)
    shown = qtui(tmp_path, "scores", "--by", "set")
    assert "choice" in shown
    assert "exact_match" in shown
    assert "open" in shown
