"""A home that cannot be written: what only reads works, and what must write names the place and what to do."""

import json
from pathlib import Path

import pytest

from tests.mounts import run_with_own_mounts

EXPERIMENT = """
name = "home"
tasks = "demo"
[[models]]
name = "m"
  [[models.variants]]
  name = "F16"
  engine = "llama.cpp"
  weights = "demo"
"""


def test_reading_commands_work_and_writing_ones_name_the_place_and_what_to_do(store_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    (tmp_path / "home").mkdir()
    (tmp_path / "home.toml").write_text(EXPERIMENT)
    told = json.loads(
        run_with_own_mounts("tests.cli.read_only_home", tmp_path / "home", store_path, tmp_path / "home.toml")
    )
    reading = ("scores", "runs", "export", "doctor", "run --check", "locate")
    assert {command: told[command] for command in reading if told[command][0]} == {}
    for command in ("run", "quantize", "demo"):
        status, said = told[command]
        assert status == 1, command
        [error] = [line for line in said.splitlines() if line.startswith("error: ")]
        assert f"{tmp_path / 'home'}/." in error
        assert "Read-only file system" in error
        assert "_HOME=…" in error or "--store FILE" in error
        assert "Traceback" not in said
        assert "defect" not in said
