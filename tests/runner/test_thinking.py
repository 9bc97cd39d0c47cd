"""A model that thinks, run end to end on three engines: what the store has, what the judge reads, and what a later day changes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qtui.exchange.export import answer_rows
from qtui.results.score_figures import score_rows
from qtui.store import new_runs, open_store, runs
from tests import stores
from tests.engines.harmony_llama import harmony_llama
from tests.engines.thinking_llama import ANSWER, TEMPLATE, THOUGHT, thinking_llama
from tests.filled_store import TASKS
from tests.thinking_endpoint import served

pytest.importorskip("llama_cpp", reason="needs the engines extra")
pytest.importorskip("torch", reason="needs the engines extra")

EXPERIMENT = """
name = "thinking"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 16
[[models]]
name = "tiny"
baseline = "checkpoint"
  [[models.variants]]
  name = "checkpoint"
  engine = "transformers"
  precision = "float32"
  weights = "tiny"
  threads = 1
  [[models.variants]]
  name = "file"
  engine = "llama.cpp"
  precision = "F32"
  weights = "tiny"
  threads = 1
  [[models.variants]]
  name = "silent"
  engine = "llama.cpp"
  precision = "F32"
  weights = "tiny"
  threads = 1
  thinking = false
  [[models.variants]]
  name = "endpoint"
  engine = "openai"
  weights = "tiny"
  base_url = "URL"
  thinking = "low"
  [[models.variants]]
  name = "deaf"
  engine = "openai"
  weights = "tiny"
  base_url = "URL"
  thinking = false
[[judges]]
kind = "reference"
"""
DATED = "{{ strftime_now('%Y-%m-%d') }}" + TEMPLATE


HARMONY = """
name = "harmony"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 32
[[models]]
name = "tiny"
  [[models.variants]]
  name = "checkpoint"
  engine = "transformers"
  precision = "float32"
  weights = "tiny"
  threads = 1
  [[models.variants]]
  name = "file"
  engine = "llama.cpp"
  precision = "F32"
  weights = "tiny"
  threads = 1
  [[models.variants]]
  name = "closed"
  engine = "llama.cpp"
  precision = "F32"
  weights = "tiny"
  threads = 1
  thinking_budget = 4
  [[models.variants]]
  name = "endpoint"
  engine = "openai"
  weights = "tiny"
  base_url = "URL"
  thinking = "low"
[[judges]]
kind = "reference"
"""


def qtui(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command on the folder's store, with settings and caches of its own."""
    own = {f"XDG_{name}_HOME": str(folder / name) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(folder / "s.sqlite")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **own, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done


def exported(store: Path, *columns: str) -> dict[str, tuple[object, ...]]:
    """These columns of the first task's answers, by variant."""
    table = answer_rows(store, [1])
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {str(row["variant"]): tuple(row[column] for column in columns) for row in rows}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thinking")
    thinking_llama(folder / "tiny", template=DATED)
    (folder / "tasks.jsonl").write_text(json.dumps({"input": "山は？", "reference": ANSWER}), encoding="utf-8")
    with served({"content": ANSWER, "reasoning_content": THOUGHT}) as endpoint:
        (folder / "e.toml").write_text(EXPERIMENT.replace("URL", endpoint.url), encoding="utf-8")
        done = qtui(folder, "run", str(folder / "e.toml"))
        assert "note on deaf: thinking = false, but the model thought in 1 of 1 answers" in done.stderr
    return folder / "s.sqlite"


def test_every_engine_stores_thoughts_and_answer_apart(store: Path) -> None:
    assert exported(store, "text", "thinking", "thinking_tokens", "thought_unfinished") == {
        "checkpoint": (ANSWER, THOUGHT, 3, 0),
        "file": (ANSWER, THOUGHT, 3, 0),
        "silent": (ANSWER, "", None, 0),
        "endpoint": (ANSWER, THOUGHT, None, 0),
        "deaf": (ANSWER, THOUGHT, None, 0),
    }


def test_the_judge_grades_the_answer_alone_and_sides_that_think_differently_are_confounded(store: Path) -> None:
    rows = {row.candidate: row for row in score_rows(store, (1,)).pairs}
    # The overlap of answer and reference is whole only without the thoughts.
    assert {name: (row.baseline_mean, row.candidate_mean) for name, row in rows.items()} == dict.fromkeys(
        ("file", "silent", "endpoint", "deaf"), (5.0, 5.0)
    )
    assert not [guard for guard in rows["file"].guards if "confounded" in guard]
    assert any("thinking not set vs false" in guard for guard in rows["silent"].guards)
    assert any("thinking not set vs low" in guard for guard in rows["endpoint"].guards)
    assert "thoughts in 1 vs 0 of 1 answers" in rows["silent"].notes
    assert "candidate: thinking = false, but the model thought in 1 of 1 answers" in rows["deaf"].notes


def test_the_run_goes_on_with_its_date_on_a_later_day(store: Path) -> None:
    with open_store(store) as opened:
        date = runs.date_of(opened, 1)
        later = new_runs.NewRun("thinking", "another plan", "", "run", "", TASKS, stores.variants(TASKS, ["FP16"]))
        assert runs.date_of(opened, new_runs.add(opened, later)) == date
        other = new_runs.NewRun("other", "plan", "", "run", "", TASKS, (), date="2024-02-29")
        assert runs.date_of(opened, new_runs.add(opened, other)) == "2024-02-29"


@pytest.fixture(scope="module")
def harmony_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harmony")
    harmony_llama(folder / "tiny")
    (folder / "tasks.jsonl").write_text(json.dumps({"input": "山は？", "reference": ANSWER}), encoding="utf-8")
    with served({"content": ANSWER, "reasoning": THOUGHT}) as endpoint:
        (folder / "e.toml").write_text(HARMONY.replace("URL", endpoint.url), encoding="utf-8")
        done = qtui(folder, "run", str(folder / "e.toml"))
    assert "note on" not in done.stderr.replace("computed on the CPU", ""), done.stderr
    return folder / "s.sqlite"


def test_harmony_s_channels_are_thoughts_and_answer_on_every_engine(harmony_store: Path) -> None:
    found = exported(harmony_store, "text", "thinking", "thought_unfinished", "finish_reason")
    assert found == dict.fromkeys(("checkpoint", "file", "closed", "endpoint"), (ANSWER, THOUGHT, 0, "stop"))
    tokens = {name: count for name, (count,) in exported(harmony_store, "thinking_tokens").items()}
    # The answer's header is no thought; its channel, header and end are the thought's.
    assert tokens == {"checkpoint": 5, "file": 5, "closed": 5, "endpoint": None}


def test_the_judge_reads_harmony_s_answer_alone_and_exports_have_both_texts(harmony_store: Path) -> None:
    rows = score_rows(harmony_store, (1,)).pairs
    assert [(row.baseline_mean, row.candidate_mean) for row in rows] == [(5.0, 5.0)] * 3
    folder = harmony_store.parent
    qtui(folder, "export", "answers", "--output", str(folder / "answers.jsonl"))
    lines = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {(line["text"], line["thinking"]) for line in lines} == {(ANSWER, THOUGHT)}


def test_a_resumed_run_whose_thinking_changed_answers_only_what_changed(harmony_store: Path) -> None:
    folder = harmony_store.parent
    changed = (folder / "e.toml").read_text(encoding="utf-8").replace("thinking_budget = 4", 'thinking = "high"')
    with served({"content": ANSWER}) as endpoint:
        url = changed.split('base_url = "')[1].split('"')[0]
        (folder / "f.toml").write_text(changed, encoding="utf-8")
        qtui(folder, "run", str(folder / "f.toml"))
        assert (url != endpoint.url, endpoint.bodies) == (True, [])
    with open_store(harmony_store) as opened:
        facts = {variant.name: variant.facts for variant in runs.summaries(opened)[0].variants}
    assert {name: each.known for name, each in facts.items()} == {
        "checkpoint": 1,
        "file": 1,
        "closed": 0,
        "endpoint": 1,
    }
