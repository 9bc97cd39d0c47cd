"""Whole experiments whose judge, or whose variant, is a real model behind llama-cpp-python's server on 127.0.0.1.

That server takes a JSON schema beside the type `json_object` and refuses the type `json_schema` with status 500. Its model, the
demo's, writes no JSON by itself: a grade shows that the schema was in force.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qtui.records import Choice
from qtui.store import grades, judges, open_store, preferences, runs
from tests.llama_server import demo_gguf, llama_server

QUESTIONS = ("色は?", "一番好きな動物は?", "海と山のどちらが好き?", "朝ごはんは?")
GRADED = """
name = "graded"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 12
[[models]]
name = "demo"
[[models.variants]]
name = "Q8_0"
engine = "llama.cpp"
weights = "demo"
threads = 1
[[models.variants]]
name = "Q4_K_M"
engine = "llama.cpp"
weights = "demo"
threads = 1
[[judges]]
kind = "openai"
model = "demo"
base_url = "URL"
takes = 2
scale = [0, 9]
temperature = 1.0
max_tokens = 60
concurrency = 1
[[judges]]
kind = "openai"
model = "demo"
base_url = "URL"
pairwise = true
temperature = 1.0
max_tokens = 60
concurrency = 1
"""
SET = """
title = "Own"
[source]
path = "rows.jsonl"
[columns]
choices = "choices"
right = "right"
right_is = "index"
[prompt]
question = "{q}"
"""
CHOSEN = """
name = "chosen"
tasks = "own"
[[models]]
name = "demo"
prompt = "plain"
[[models.variants]]
name = "here"
engine = "llama.cpp"
weights = "FILE"
threads = 1
[[models.variants]]
name = "there"
engine = "openai"
weights = "demo"
base_url = "URL"
api = "completions"
slots = 1
[[scorers]]
kind = "choice"
by = "log_likelihood"
before = ""
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_server(
        demo_gguf(), tmp_path_factory.mktemp("server") / "log", "--logits_all", "true", context=2048
    ) as url:
        yield url


def qtui(store: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENAI_API_KEY": "none"}
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, env=environment)


@pytest.mark.timeout(600)
def test_an_experiment_is_graded_and_its_answers_compared_by_a_real_model_under_a_json_schema(
    served: str, tmp_path: Path
) -> None:
    rows = [{"input": question, "reference": "", "criteria": ""} for question in QUESTIONS]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "e.toml").write_text(GRADED.replace("URL", served), encoding="utf-8")
    store_path = tmp_path / "s.sqlite"

    done = qtui(store_path, "run", str(tmp_path / "e.toml"))

    assert done.returncode == 0, done.stderr
    with closing(open_store(store_path)) as store:
        [run] = runs.summaries(store)
        forms = {judges.facts(store, judge).reply_form for judge in judges.current(store, [run.id])}
        found = grades.rows(store, [run.id])
        preferred = preferences.rows(store, [run.id])
    assert len(found) == len({tuple(row)[:7] for row in found}) == 2 * 2 * len(QUESTIONS)
    assert forms == {"json_object_schema"}
    given = [row["grade"] for row in found if row["grade"] is not None]
    assert given, "no reply in the schema's form had a grade"
    assert set(given) <= set(range(10))
    ungraded = [row["reason"] for row in found if row["grade"] is None]
    assert all(re.search(r'\{\s*"reason', reason) for reason in ungraded), (
        "what could not be read is in the schema's form too"
    )
    assert len(preferred) == len({(row["task"], row["candidate_first"]) for row in preferred}) == 2 * len(QUESTIONS)
    assert any(row["choice"] is not None for row in preferred), "no pair was compared"
    assert {row["choice"] for row in preferred} <= {None, *(choice.name.lower() for choice in Choice)}
    again = qtui(store_path, "run", str(tmp_path / "e.toml"))
    assert again.returncode == 0, again.stderr
    with closing(open_store(store_path)) as store:
        assert [tuple(row) for row in grades.rows(store, [1])] == [tuple(row) for row in found], (
            "nothing is asked again"
        )


def choice_experiment(folder: Path, url: str) -> Path:
    rows = [
        {"q": "日本の首都は", "choices": ["東京です", "犬"], "right": 0},
        {"q": "猫は", "choices": ["動物です。", "赤い", "走る山"], "right": 0},
        {"q": "空の色は", "choices": ["青", "食べる"], "right": 1},
    ]
    (folder / "task_sets").mkdir()
    (folder / "task_sets" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "task_sets" / "own.toml").write_text(SET, encoding="utf-8")
    (folder / "e.toml").write_text(CHOSEN.replace("URL", url).replace("FILE", str(demo_gguf())), encoding="utf-8")
    return folder / "e.toml"


@pytest.mark.timeout(600)
def test_a_real_server_finds_the_same_choices_likeliest_as_the_engine_in_process(served: str, tmp_path: Path) -> None:
    file = choice_experiment(tmp_path, served)
    store_path = tmp_path / "s.sqlite"

    done = qtui(store_path, "run", str(file))

    assert done.returncode == 0, done.stderr
    exported = qtui(store_path, "export", "answer-scores", "--exact")
    rows = list(csv.DictReader(io.StringIO(exported.stdout)))
    here, there = ([row for row in rows if row["variant"] == name] for name in ("here", "there"))
    assert len(here) == len(there) == 3
    assert [row["score"] for row in here] == [row["score"] for row in there]
    for one, other in zip(here, there, strict=True):
        # Sums of log-likelihoods; the two decode in batches of other sizes.
        assert values(one["reason"]) == pytest.approx(values(other["reason"]), abs=0.02)
        assert re.sub(r"-?\d+\.\d+", "", one["reason"]) == re.sub(r"-?\d+\.\d+", "", other["reason"])


def values(reason: str) -> list[float]:
    return [float(text) for text in re.findall(r"\((-?\d+\.\d+)\)", reason)]


@pytest.mark.timeout(600)
def test_a_real_server_that_keeps_no_logits_of_the_prompt_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with llama_server(demo_gguf(), tmp_path / "log", "--logits_all", "false") as url:
        done = qtui(tmp_path / "s.sqlite", "run", str(choice_experiment(tmp_path, url)))

    said = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert "this endpoint does not return log-probabilities of given text" in said
    assert "Traceback" not in said
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        states = {variant.name: (variant.state, variant.answered) for variant in runs.summaries(store)[0].variants}
    assert states == {"here": ("done", 3), "there": ("failed", 0)}
