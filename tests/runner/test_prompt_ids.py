"""A GGUF file whose tokenizer is another than the checkpoint's, as in files of 2023: run for real, and the comparison names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qtui.engines.weights.weights import open_weights
from qtui.figures.scores import ScoreRow
from qtui.results.score_figures import score_rows

pytest.importorskip("llama_cpp", reason="needs the engines extra")
pytest.importorskip("torch", reason="needs the engines extra")

TASKS = ("りんごは1234567個です。", "私は猫です。", "2024年12月31日に何をしますか。")
EXPERIMENT = """
name = "tokens"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 4
[[models]]
name = "tiny"
baseline = "FP16"
bos = true
  [[models.variants]]
  name = "FP16"
  engine = "transformers"
  weights = "tiny"
  threads = 1
"""
FILES = ("F16", "other-pre", "other-bos")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScoreRow]:
    """One baseline on transformers against three files of the same weights on llama.cpp, by the file's name."""
    from qtui.engines.conversion import llama_folder
    from tests.engines.tiny_llama import byte_level_llama

    folder = tmp_path_factory.mktemp("tokens")
    whole = folder / "F16.gguf"
    llama_folder.convert(open_weights(byte_level_llama(folder / "tiny")), whole)
    replace(whole, folder / "other-pre.gguf", text("gpt-2"), text("qwen2"))
    bos = b"tokenizer.ggml.bos_token_id" + (4).to_bytes(4, "little")
    replace(whole, folder / "other-bos.gguf", bos + (0).to_bytes(4, "little"), bos + (2).to_bytes(4, "little"))
    (folder / "tasks.jsonl").write_text("".join(f'{{"input": "{task}"}}\n' for task in TASKS))
    variants = (
        f'[[models.variants]]\nname = "{name}"\nengine = "llama.cpp"\nweights = "{name}.gguf"\nthreads = 1\n'
        for name in FILES
    )
    (folder / "e.toml").write_text(EXPERIMENT + "".join(variants))
    own = {f"XDG_{name}_HOME": str(folder / name) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    asked = [sys.executable, "-m", "qtui", "run", str(folder / "e.toml"), "--store", str(folder / "s.sqlite")]
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, env={**os.environ, **own, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return {row.candidate: row for row in score_rows(folder / "s.sqlite", (1,)).pairs}


def text(value: str) -> bytes:
    """As GGUF writes it, with its length."""
    return len(value).to_bytes(8, "little") + value.encode()


def replace(source: Path, target: Path, old: bytes, new: bytes) -> None:
    """The same file but for one value of its metadata."""
    data = source.read_bytes()
    assert data.count(old) == 1
    assert len(old) == len(new)
    target.write_bytes(data.replace(old, new))


def confounded(row: ScoreRow) -> list[str]:
    return [guard for guard in row.guards if guard.startswith("confounded")]


def test_the_same_model_on_both_engines_has_the_same_prompt_tokens(rows: dict[str, ScoreRow]) -> None:
    assert confounded(rows["F16"]) == []
    assert rows["F16"].notes == ("different engines: transformers vs llama.cpp",)


def test_another_splitting_of_words_is_named_with_a_task_and_both_numbers(rows: dict[str, ScoreRow]) -> None:
    [said] = confounded(rows["other-pre"])
    assert said.startswith("confounded: prompt tokens differ in 2 of 3 tasks, e.g. task 1: ")
    assert said.endswith(" tokens")
    assert said in rows["other-pre"].verdict_text


def test_another_bos_is_named_although_the_number_is_the_same(rows: dict[str, ScoreRow]) -> None:
    assert confounded(rows["other-bos"]) == [
        "confounded: prompt tokens differ in 3 of 3 tasks, e.g. task 1: same count, different ids"
    ]
