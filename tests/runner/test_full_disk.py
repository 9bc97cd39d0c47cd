"""A disk that gets full under a run: a real small file system, the real runner, the demo model on llama.cpp."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mounts import run_with_own_mounts

pytest.importorskip("llama_cpp", reason="needs the engines extra")

EXPERIMENT = """
name = "full"
tasks = "demo"
[sampling]
max_tokens = 32
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "Q8_0"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
[[judges]]
kind = "reference"
"""


def test_full_disk_ends_the_run_with_the_reason_and_the_same_command_does_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "full.toml"
    file.write_text(EXPERIMENT)
    disk = tmp_path / "disk"
    disk.mkdir()
    told: dict[str, dict[str, Any]] = json.loads(run_with_own_mounts("tests.runner.full_disk", file, disk))

    full = told["full"]
    assert full["status"] == 1
    assert full["run"]["state"] == "failed"
    assert f"no space left on {disk}" in full["run"]["reason"]
    assert "run the same command again" in full["stderr"]
    assert 0 < len(full["answers"]) < full["run"]["expected"]
    assert {each["state"] for each in (*full["run"]["variants"], *full["run"]["judges"])} == {"cancelled"}
    store_files = {"store.sqlite", "store.sqlite-shm", "store.sqlite-wal"}
    assert set(full["files"]) <= {"ballast", *store_files}, "nothing is left of the reserve"

    refused = told["no room at all"]
    assert refused["status"] == 1
    assert f"no space left on {disk}" in refused["stderr"]
    assert "did not start" not in refused["stderr"]

    done = told["room again"]
    assert done["status"] == 0, done["stderr"]
    assert done["run"]["state"] == "done"
    assert done["run"]["answered"] == done["run"]["expected"]
    assert done["run"]["judges"][0]["graded"] == done["run"]["expected"]
    assert done["answers"][: len(full["answers"])] == full["answers"], "what was kept was not made again"


def test_logs_that_cannot_be_written_cost_no_answer(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text('{"input": "一つ", "reference": "一"}\n')
    file = tmp_path / "full.toml"
    file.write_text(EXPERIMENT.replace('tasks = "demo"', 'tasks = "tasks.jsonl"').replace("32", "4"))
    (tmp_path / "state").mkdir()
    (run_status, _, said), (_, listed, _) = json.loads(
        run_with_own_mounts("tests.runner.full_log_disk", file, tmp_path / "state")
    )
    assert run_status == 0, said
    [run] = json.loads(listed)["runs"]
    assert (run["state"], run["answered"]) == ("done", 1)
