"""Two experiments that share answers, at once, on one store: real runners, workers, and an endpoint on loopback."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qtui.experiment.experiment import load
from qtui.run_progress import RunSummary
from qtui.runner import start
from qtui.store import Store, open_store, runs, verifying

PATIENCE_SECONDS = 300
TASKS = 6
EXPERIMENT = """
name = "NAME"
tasks = "tasks.jsonl"
[[models]]
name = "m"
  [[models.variants]]
  name = "FP16"
  engine = "openai"
  weights = "m"
  base_url = "URL"
"""


class HeldModel:
    """An endpoint that replies to nothing until it is released, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_released = threading.Event()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.asked.append(body["messages"][-1]["content"])
                assert model.is_released.wait(PATIENCE_SECONDS)
                message = {"role": "assistant", "content": "four"}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                data = json.dumps(
                    {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.is_released.set()
        self._server.shutdown()


class Both:
    """Two experiments with the same variant under two names."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._runners: dict[int, subprocess.Popen[bytes]] = {}
        lines = [json.dumps({"input": f"task {number}", "output": "4"}) for number in range(TASKS)]
        (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
        for name in ("one", "two"):
            (folder / f"{name}.toml").write_text(EXPERIMENT.replace("NAME", name).replace("URL", url))
        self.store: Store = open_store(folder / "store.sqlite")

    def start(self, name: str) -> int:
        """Start a runner: the process itself, so that a slow machine has time to start it."""
        run_id = start.add(self.store, load(self._folder / f"{name}.toml"))
        command = [sys.executable, "-m", "qtui.runner", "--store", str(self.store.path), "--run", str(run_id)]
        self._runners[run_id] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return run_id

    def wait(self, run_id: int, condition: Callable[[RunSummary], object]) -> RunSummary:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            [run] = runs.summaries(self.store, [run_id])
            if condition(run):
                return run
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE_SECONDS} s: {runs.summaries(self.store)}")

    def end(self, run_id: int) -> RunSummary:
        """Return the run when its runner has ended."""
        assert self._runners[run_id].wait(PATIENCE_SECONDS) is not None
        return runs.summaries(self.store, [run_id])[0]

    def kill(self, run_id: int) -> None:
        """SIGKILL to the runner of a run; its worker ends with it."""
        if run_id in self._runners:
            self._runners[run_id].kill()
            self._runners[run_id].wait()


@pytest.fixture
def model() -> Iterator[HeldModel]:
    held = HeldModel()
    yield held
    held.close()


@pytest.fixture
def both(tmp_path: Path, model: HeldModel) -> Iterator[Both]:
    """Two runs: the first one waits for the model, the second one for the first."""
    there = Both(tmp_path, model.url)
    try:
        assert there.start("one") == 1
        there.wait(1, lambda run: run.variants[0].state == "answering")
        assert there.start("two") == 2
        there.wait(2, lambda run: "being computed by run 1" in run.variants[0].phase)
        yield there
    finally:
        for run_id in (1, 2):
            there.kill(run_id)
        there.store.close()


def test_two_experiments_at_once_compute_each_answer_that_they_share_once(both: Both, model: HeldModel) -> None:
    model.is_released.set()
    ended = [both.end(run_id) for run_id in (1, 2)]
    assert [(run.state, run.answered) for run in ended] == [("done", TASKS)] * 2
    assert sorted(model.asked) == sorted(f"task {number}" for number in range(TASKS))
    assert [run.variants[0].facts.known for run in ended] == [0, TASKS]
    assert verifying.verify(both.store.path).is_whole


def test_what_a_killed_runner_had_claimed_is_computed_by_the_one_that_waits(both: Both, model: HeldModel) -> None:
    both.kill(1)
    model.is_released.set()
    ended = both.end(2)
    assert (ended.state, ended.answered) == ("done", TASKS)
    assert both.store.execute("SELECT count(*) FROM answer").fetchone()[0] == TASKS


def test_a_run_that_waits_for_another_one_can_be_cancelled(both: Both, model: HeldModel) -> None:
    runs.request(both.store, 2, "cancel")
    assert both.end(2).state == "cancelled"
    model.is_released.set()
    assert both.end(1).answered == TASKS
