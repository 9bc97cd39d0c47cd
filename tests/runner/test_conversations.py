"""Conversations of several turns, end to end: each turn sees its own variant's answers, and a broken run goes on in the middle."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtui.results import frames
from qtui.results.answers import PairName, comparison
from qtui.store import answers, open_store, runs
from tests.engines.thinking_llama import ANSWER, TEMPLATE, thinking_llama
from tests.judges.endpoint import Failure, endpoint

TALKS = [
    {"turns": ["色は?", "なぜ?", "本当に?"], "reference": ["青", "", "はい"]},
    {"turns": ["一人で"]},
    {"turns": ["海は?", "山は?"]},
]
HEAD = """
name = "talks"
tasks = "talks.jsonl"
[sampling]
max_tokens = 16
[[models]]
name = "m"
"""
ENDPOINT = """
[[models.variants]]
name = "NAME"
engine = "openai"
weights = "NAME"
base_url = "URL"
slots = 1
"""
LOCAL = """
[[models.variants]]
name = "ENGINE"
engine = "ENGINE"
weights = "tiny"
precision = "PRECISION"
threads = 1
"""
JUDGE = """
[[judges]]
kind = "openai"
model = "judge"
base_url = "URL"
concurrency = 1
"""


def run(folder: Path, *parts: str, talks: list[dict[str, Any]] = TALKS) -> "subprocess.CompletedProcess[str]":
    (folder / "talks.jsonl").write_text("".join(json.dumps(talk) + "\n" for talk in talks), encoding="utf-8")
    (folder / "e.toml").write_text(HEAD + "".join(parts), encoding="utf-8")
    command = [sys.executable, "-m", "qtui", "run", str(folder / "e.toml"), "--store", str(folder / "s.sqlite")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def at(url: str, *names: str) -> str:
    return "".join(ENDPOINT.replace("NAME", name).replace("URL", url) for name in names)


def texts(messages: list[dict[str, str]]) -> list[str]:
    return [message["content"] for message in messages]


def test_a_later_turn_has_the_variants_own_answers_before_it_and_a_broken_run_goes_on_there(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = []
    is_mended = False

    def say(prompt: str, _: int) -> str | Failure:
        if prompt == "なぜ?" and not is_mended:
            return Failure(400, b"not now")
        return f"{bodies[-1]['model']} to {prompt}"

    with endpoint(say) as served:
        bodies = served.bodies
        broken = run(tmp_path, at(served.base_url, "A", "B"))
        first = [texts(body["messages"]) for body in bodies if body["model"] == "A"]
        is_mended = True
        served.bodies.clear()
        mended = run(tmp_path, at(served.base_url, "A", "B"))
        again = [texts(body["messages"]) for body in served.bodies]

    assert broken.returncode == 1
    assert "task 3: the turn before it has no answer" in broken.stderr.replace("\n", " ")
    assert [asked[-1] for asked in first] == ["色は?", "一人で", "海は?", "なぜ?", "山は?"]
    assert first[-1] == ["海は?", "A to 海は?", "山は?"]
    assert mended.returncode == 0, mended.stderr
    assert again == [
        turns
        for name in "AB"
        for turns in (
            ["色は?", f"{name} to 色は?", "なぜ?"],
            ["色は?", f"{name} to 色は?", "なぜ?", f"{name} to なぜ?", "本当に?"],
        )
    ]


def test_the_judge_and_compare_see_the_conversation(tmp_path: Path) -> None:
    def say(prompt: str, _: int) -> str:
        return json.dumps({"reason": "", "grade": 4}) if "採点" in prompt else f"to {prompt}"

    with endpoint(say) as served:
        done = run(tmp_path, at(served.base_url, "A", "B"), JUDGE.replace("URL", served.base_url))
        asked = [prompt for prompt in served.prompts if "採点" in prompt]

    assert done.returncode == 0, done.stderr
    assert len(set(asked)) == 6, "one question per task: both variants answer the same"
    [third] = {prompt for prompt in asked if "本当に?" in prompt}
    wanted = "[User]\n色は?\n\n[Assistant]\nto 色は?\n\n[User]\nなぜ?\n\n[Assistant]\nto なぜ?\n\n[User]\n本当に?\n"
    assert f"# 課題\n{wanted}" in third
    shown = comparison(tmp_path / "s.sqlite", PairName(1, "m", "A", "B"), 3)
    assert shown.candidate is not None
    assert [(turn.input, turn.answer) for turn in shown.candidate.earlier] == [
        ("色は?", "to 色は?"),
        ("なぜ?", "to なぜ?"),
    ]


def test_both_local_engines_show_a_model_its_answers_without_its_thoughts(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    pytest.importorskip("torch", reason="needs the engines extra")
    thinking_llama(tmp_path / "tiny")
    variants = [
        LOCAL.replace("ENGINE", engine).replace("PRECISION", precision)
        for engine, precision in (("transformers", "float32"), ("llama.cpp", "F32"))
    ]

    done = run(tmp_path, *variants)

    assert done.returncode == 0, done.stderr
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        rows = [dict(zip(answers.COLUMNS, row, strict=True)) for row in answers.rows(store, [1])]
        conditions = [json.loads(row["conditions"])["prompt"] for row in runs.conditions(store, [1])]
    assert {row["text"] for row in rows} == {ANSWER}
    by_engine = [
        [row["prompt_ids_hash"] for row in rows if row["variant"] == name] for name in ("transformers", "llama.cpp")
    ]
    assert by_engine[0] == by_engine[1]
    assert conditions[0] == conditions[1]
    length = {row["task"]: row["prompt_tokens"] for row in rows}
    assert length[1] < length[2] < length[3]
    loaded = frames.load(tmp_path / "s.sqlite", [1])
    assert list(loaded.answers["prompt_ids_hash"] == "") == [False, True, True, False, False, True] * 2


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "has no chat template, so it cannot see the turns before"),
        ("{{ messages[-1]['content'] }}:", "is for one turn: it leaves out the turns before"),
    ],
)
def test_a_model_that_cannot_see_earlier_turns_is_refused_before_it_answers(
    tmp_path: Path, template: str | None, said: str
) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    pytest.importorskip("torch", reason="needs the engines extra")
    thinking_llama(tmp_path / "tiny", template=template or TEMPLATE)
    prompt = "" if template else 'prompt = "plain"\n'

    done = run(tmp_path, prompt, LOCAL.replace("ENGINE", "llama.cpp").replace("PRECISION", "F32"))

    assert done.returncode == 1
    assert said in " ".join(done.stderr.split())
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        assert answers.rows(store, [1]) == []
