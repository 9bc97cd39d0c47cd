"""Workers that hang: killed, reported and replaced once; slow ones are left alone. Real processes, the demo model on llama.cpp."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from qtui import paths
from qtui.runner.control import Control
from qtui.runner.progress_watch import Patience, ProgressWatch
from qtui.runner.worker_process import WorkerProcess
from tests.runner.test_survival import Runs

WAITS, COMPUTES = "import sys; sys.stdin.read()", "while True: pass"
PATIENCE = Patience(idle=3.0, busy=float("inf"))


@contextmanager
def running(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Runs]:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text("worker_patience = 10\n")
    there = Runs(tmp_path)
    yield there
    there.stop_all()


@pytest.mark.timeout(900)
def test_a_worker_that_hangs_is_killed_and_another_one_does_the_rest(experiment: Runs) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    run_id = experiment.start()
    experiment.wait(lambda run: run.answered >= 3)
    kept = experiment.rows()
    [worker] = [each for each in experiment.runner(run_id).children() if "worker" in " ".join(each.cmdline())]
    worker.suspend()
    run = experiment.wait(lambda run: not run.active)
    assert (run.state, run.answered) == ("done", run.expected)
    assert [row for row in kept if row not in experiment.rows()] == []
    log = (paths.logs() / f"run-{run.id}-{run.variants[0].id}.log").read_text()
    assert "The worker hung while answering" in log
    assert "`worker_patience`" in log


@pytest.mark.parametrize("module", ["quantization_source", "quantization_type", "benchmark", "divergence"])
async def test_every_process_with_an_engine_that_hangs_is_killed_and_said(tmp_path: Path, module: str) -> None:
    """It waits for its job, which never comes."""
    log = tmp_path / "log"
    async with WorkerProcess(log, f"qtui.engines.processes.{module}", patience=Patience(1.0, float("inf"))) as process:
        assert [line async for line in process.lines()] == []
        words = await process.describe_end()
    assert "hung while starting: it did nothing for" in words
    assert f"was killed. Its log, with the stacks of its threads: {log}" in words
    assert words in log.read_text()


def test_a_type_whose_quantizing_hangs_fails_with_the_reason_and_leaves_no_file(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text("worker_patience = 3\n")
    out = tmp_path / "out"
    command = ["quantize", "demo", "--type", "Q8_0", "--out", str(out), "--store", str(tmp_path / "s.sqlite")]
    with subprocess.Popen([sys.executable, "-m", "qtui", *command], stderr=subprocess.PIPE, text=True) as quantizing:
        children = psutil.Process(quantizing.pid).children
        while not (found := [each for each in children() if "quantization_source" in " ".join(each.cmdline())]):
            assert quantizing.poll() is None
        found[0].suspend()
        _, told = quantizing.communicate()
    assert quantizing.returncode == 1
    assert told.startswith("error: The process that prepares the source hung while starting: it did nothing for ")
    assert not out.exists() or list(out.iterdir()) == []


async def test_a_process_that_does_nothing_hangs() -> None:
    with running(WAITS) as process:
        found = await ProgressWatch(process.pid, PATIENCE, Control()).hangs()
    assert found.startswith("it did nothing for ")


@pytest.mark.parametrize("paused", [True, False], ids=["paused", "computing"])
async def test_a_process_that_computes_or_is_paused_does_not_hang(paused: bool) -> None:
    control = Control()
    if paused:
        control.pause()
    with running(WAITS if paused else COMPUTES) as process:
        hanging = asyncio.create_task(ProgressWatch(process.pid, PATIENCE, control).hangs())
        _, still = await asyncio.wait([hanging], timeout=4 * PATIENCE.idle)
        hanging.cancel()
    assert still


async def test_a_process_that_computes_without_a_result_hangs_later() -> None:
    with running(COMPUTES) as process:
        found = await ProgressWatch(process.pid, Patience(idle=60.0, busy=2.0), Control()).hangs()
    assert found.startswith("it computed for ")


async def test_large_weights_have_more_time() -> None:
    with running(COMPUTES) as process:
        watch = ProgressWatch(process.pid, Patience(idle=60.0, busy=1.0), Control())
        watch.heard(weights_bytes=1 << 40)
        hanging = asyncio.create_task(watch.hangs())
        _, still = await asyncio.wait([hanging], timeout=5)
        hanging.cancel()
    assert still
