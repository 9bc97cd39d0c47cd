"""Batches of judges from the command line: left and fetched by a later command, cancelled at the endpoint, shown."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qtui.charts.batch_words import batch_lines, notes
from qtui.records import JudgeSpec
from qtui.run_progress import BatchProgress
from qtui.store import Store, grades, runs
from tests import stores
from tests.judges.batch_endpoint import BatchServer, Script, Work, batch_server
from tests.runner.batch_run import judge_of
from tests.runner.test_added_judge import store

__all__ = ["store"]

EXPERIMENT = """
name = "batches"
tasks = "demo"
[[models]]
name = "m"
  [[models.variants]]
  name = "FP16"
  engine = "openai"
  weights = "m"
  base_url = "http://127.0.0.1:9/v1"
[[judges]]
kind = "openai"
model = "gpt-4o"
takes = 2
batch = true
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[BatchServer]:
    with batch_server(tmp_path / "endpoint.json", Script(works=(Work(("in_progress",), replied=1),))) as server:
        yield server


def qtui(store: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def ask(store: Store, served: BatchServer, *more: str) -> "subprocess.CompletedProcess[str]":
    return qtui(store.path, "judge", "openai", "--model", "grader", "--base-url", served.base_url, "--batch", *more)


def test_batch_is_left_and_fetched_by_a_later_command(store: Store, served: BatchServer) -> None:
    done = ask(store, served, "--detach-batch")
    assert done.returncode == 0, done.stderr
    run = runs.summaries(store)[0]
    assert (run.state, run.judges[0].state) == ("waiting", "waiting")
    assert "2 questions are in a batch (batch_0). `qtui resume 1` fetches the grades." in run.reason
    assert "batch batch_0: submitted, 0 of 2 questions replied to; not looked at yet" in qtui(store.path, "runs").stdout
    served.script = Script()
    done = qtui(store.path, "resume", "1")
    assert done.returncode == 0, done.stderr
    assert runs.summaries(store)[0].state == "done"
    assert sorted(row["grade"] for row in grades.rows(store, [1])) == [1, 4, 4, 4]
    assert list(served.asked.values()) == [1, 1]
    [line] = [line for line in qtui(store.path, "runs").stdout.splitlines() if "batch_0" in line]
    assert "completed, 2 of 2 questions replied to; last seen" in line


def test_same_command_waits_for_the_batch(store: Store, served: BatchServer) -> None:
    served.script = Script()
    done = ask(store, served)
    assert done.returncode == 0, done.stderr
    assert runs.summaries(store)[0].state == "done"
    assert len(served.batches) == 1


def test_cancel_with_batch_cancels_it_at_the_endpoint_and_keeps_what_it_did(store: Store, served: BatchServer) -> None:
    ask(store, served, "--detach-batch")
    done = qtui(store.path, "cancel", "1", "--batch")
    assert done.returncode == 0, done.stderr
    assert "batch batch_0: cancelled, 1 of 2 questions replied to; `qtui resume 1` fetches these" in done.stderr
    assert [batch["status"] for batch in served.batches] == ["cancelled"]
    served.script = Script()
    assert qtui(store.path, "resume", "1").returncode == 0
    assert sorted(served.asked.values()) == [1, 1]
    assert [batch["request_counts"]["total"] for batch in served.batches] == [2, 1]
    assert judge_of(store).ungraded == 0


def test_cancel_with_batch_gives_up_one_that_the_endpoint_does_not_know(store: Store, served: BatchServer) -> None:
    ask(store, served, "--detach-batch")
    served.file.unlink()
    assert "does not know" in qtui(store.path, "resume", "1").stderr
    done = qtui(store.path, "cancel", "1", "--batch")
    assert "The batch is given up; its questions can be asked again." in done.stderr
    served.script = Script()
    assert ask(store, served).returncode == 0
    assert judge_of(store).graded == 4


def test_cancel_with_batch_gives_up_one_whose_files_are_gone(store: Store, served: BatchServer) -> None:
    ask(store, served, "--detach-batch")
    state = served.state
    state["batches"]["batch_0"] |= {"status": "completed", "output_file_id": "gone"}
    served.file.write_text(json.dumps(state))
    served.script = Script(
        refuse=lambda _, path, __: (409, {"error": {"message": "is over"}}) if path.endswith("/cancel") else None
    )
    assert "(GET /files/gone/content: 404" in qtui(store.path, "resume", "1").stderr
    assert "The batch is given up" in qtui(store.path, "cancel", "1", "--batch").stderr
    assert [batch.state for batch in judge_of(store).batches] == ["returned"]


def test_check_says_how_many_requests_there_are_and_the_price_that_is_known(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text(EXPERIMENT)
    done = qtui(tmp_path / "store.sqlite", "run", str(file), "--check", "--json")
    [note] = [note for note in json.loads(done.stdout)["notes"] if "batches" in note]
    assert "half the price" in note
    assert not (tmp_path / "store.sqlite").exists()


def test_price_of_other_endpoints_is_unknown() -> None:
    judge = JudgeSpec("openai", "m", base_url="http://user:${SECRET}@host:1/v1", batch=True, takes=3)
    [note] = notes([judge, replace(judge, batch=False)], 40_000, 0)
    assert "at most 120000 requests in 3 batches" in note
    assert "charges for these is not known" in note
    assert "SECRET" not in note.replace("${SECRET}", "")
    [of_pairs] = notes([replace(judge, pairwise=True)], 40_000, 30_000)
    assert "at most 180000 requests in 4 batches" in of_pairs, "two orders and three takes of each pair"


def test_batch_needs_an_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text(EXPERIMENT.replace('kind = "openai"\nmodel = "gpt-4o"', 'kind = "reference"'))
    done = qtui(tmp_path / "store.sqlite", "run", str(file), "--check")
    assert "judges[1].batch: a reference judge asks no endpoint" in done.stderr


def test_batch_is_shown_with_its_counts_and_its_age(store: Store) -> None:
    stores.add_judge(store, 1, "openai:m")
    batch = BatchProgress("batch_7", "submitted", "in_progress", "", 500, 120, 3, 0.0, 1000.0)
    judge = replace(judge_of(store), batches=(batch,))
    assert batch_lines(judge, 1300.0) == [
        "batch batch_7: in progress, 123 of 500 questions replied to, 3 of them refused; last seen 5 min ago"
    ]
