"""Weights in Python's pickles, which can hold programs: refused before anything reads them, unless they are asked for by name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import parse
from qtui.runner.weights_check import check_weights
from tests.engines.weights.checkpoints import checkpoint

EXPERIMENT = """
name = "e"
tasks = "demo"
[[models]]
name = "m"
  [[models.variants]]
  name = "v"
  engine = "{engine}"
  precision = "{precision}"
  weights = "{weights}"
  {more}
"""
ENGINES = [("transformers", "float32"), ("llama.cpp", "F16")]


class Program:
    """What leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A model whose weights are a pickle with a program."""
    torch = pytest.importorskip("torch", reason="needs the engines extra")
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    folder = checkpoint(tmp_path / "model", {})
    torch.save({"model.embed_tokens.weight": Program(tmp_path / "trace")}, folder / "pytorch_model.bin")
    return folder


def experiment(folder: Path, engine: str, precision: str, more: str = "") -> str:
    return EXPERIMENT.format(engine=engine, precision=precision, weights=folder, more=more)


@pytest.mark.parametrize(("engine", "precision"), ENGINES)
def test_a_pickle_is_refused_before_the_run(engine: str, precision: str, pickled: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"pytorch_model\.bin: is stored as Python's pickle.* set pickled_weights = true"
    ):
        check_weights(parse(experiment(pickled, engine, precision), tmp_path / "e.toml"))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(("engine", "precision"), ENGINES)
def test_a_pickle_that_is_allowed_runs_no_program(engine: str, precision: str, pickled: Path, tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text(experiment(pickled, engine, precision, "pickled_weights = true"))
    command = [sys.executable, "-m", "qtui", "run", str(file), "--store", str(tmp_path / "s.sqlite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    assert "set pickled_weights" not in done.stderr
    assert not (tmp_path / "trace").exists()


def test_quantizing_refuses_a_pickle(pickled: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "qtui",
        "quantize",
        str(pickled),
        "--type",
        "Q8_0",
        "--store",
        str(tmp_path / "s.sqlite"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert not (tmp_path / "trace").exists()
    assert "pickle" in done.stderr or "config" in done.stderr


def test_the_permission_changes_no_plan_of_an_experiment_without_it(tmp_path: Path) -> None:
    text = experiment(Path("demo"), *ENGINES[0])
    assert (
        parse(text, tmp_path / "e.toml").plan
        == parse(text.replace("  \n", "  pickled_weights = false\n"), tmp_path / "e.toml").plan
    )
