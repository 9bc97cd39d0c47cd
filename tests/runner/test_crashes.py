"""Workers that crash, are killed and run out of memory: what is left in their logs, and what a person is told.

Real runner, real workers, the demo model on llama.cpp. The type of the variants is one that takes the quantizer a second to make,
so that a worker can be caught while it loads.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from qtui import __version__, paths
from qtui.run_progress import RunSummary
from tests.runner.memory_group import MemoryGroup, memory_group
from tests.runner.test_survival import PATIENCE_SECONDS, Runs

pytest.importorskip("llama_cpp", reason="needs the engines extra")

EXPERIMENT = """
name = "crashes"
tasks = "demo"
[sampling]
max_tokens = 48
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "IQ3_S"
  engine = "llama.cpp"
  weights = "demo"
  slots = 1
  threads = 1
"""
MIB = 1 << 20
LIMIT = 640 * MIB
TRACES = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGABRT: "Aborted",
    signal.SIGILL: "Illegal instruction",
    signal.SIGBUS: "Bus error",
}
WORDS = {
    signal.SIGSEGV: "crashed in native code (SIGSEGV)",
    signal.SIGABRT: "was aborted by native code (SIGABRT)",
    signal.SIGILL: "used an instruction that this processor lacks (SIGILL)",
    signal.SIGBUS: "crashed in native code (SIGBUS)",
}
LOADING = r"while quantizing to IQ3_S \(\d+ %\)"
ANSWERING = r"while answering \(\d+ of 52 answers, 1 at once\)"


class CrashingRuns(Runs):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file.write_text(EXPERIMENT)

    def start_within(self, group: MemoryGroup) -> None:
        command = [sys.executable, "-m", "qtui", "run", str(self.file), "--detach", "--store", str(self.store.path)]
        subprocess.run(group.within(command), check=True, capture_output=True, timeout=PATIENCE_SECONDS)

    def worker(self, run_id: int) -> psutil.Process:
        [worker] = self.runner(run_id).children()
        return worker

    def log(self) -> Path:
        run = self.summary()
        return paths.logs() / f"run-{run.id}-{run.variants[0].id}.log"

    def wait_for_text(self, file: Path, text: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (file.exists() and text in file.read_text()):
            assert time.monotonic() < end, f"no {text!r} in {file}"
            time.sleep(0.01)

    def end(self) -> str:
        """Wait for the end of the run; the reason of its variant."""
        return self.wait(lambda run: not run.active).variants[0].reason


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[CrashingRuns]:
    there = CrashingRuns(tmp_path)
    yield there
    there.stop_all()


def is_loading(run: RunSummary) -> bool:
    variant = run.variants[0]
    return variant.phase.startswith("quantizing") and bool(variant.facts.loading_fraction)


def is_answering(run: RunSummary) -> bool:
    return run.variants[0].answered >= 2


MOMENTS = pytest.mark.parametrize(
    ("moment", "doing"), [(is_loading, LOADING), (is_answering, ANSWERING)], ids=["loading", "answering"]
)


def stop_worker(experiment: CrashingRuns, moment: Callable[[RunSummary], bool]) -> psutil.Process:
    """The worker, standing still at this moment."""
    run_id = experiment.start()
    experiment.wait(moment)
    worker = experiment.worker(run_id)
    worker.suspend()
    return worker


@MOMENTS
@pytest.mark.parametrize("number", TRACES, ids=lambda number: number.name)
def test_crash_leaves_its_trace_and_tells_what_was_going_on(
    experiment: CrashingRuns, number: signal.Signals, moment: Callable[[RunSummary], bool], doing: str
) -> None:
    worker = stop_worker(experiment, moment)
    worker.send_signal(number)
    worker.resume()
    reason = experiment.end()
    log = experiment.log().read_text()
    assert reason.startswith(f"The worker {WORDS[number]} while ")
    assert re.search(doing, reason)
    assert reason.endswith(f"Its log: {experiment.log()}")
    assert f"Fatal Python error: {TRACES[number]}" in log
    assert "(most recent call first):\n  File " in log
    assert "\nI llama_model_loader: " in log
    assert experiment.summary().reason == f"demo-ja IQ3_S: {reason}"


def test_log_begins_with_what_runs_where(experiment: CrashingRuns) -> None:
    stop_worker(experiment, is_answering).kill()
    experiment.end()
    log = experiment.log().read_text()
    header, _, _ = log.partition("\nI ")
    for part in (
        f" qtui {__version__}: qtui.engines.processes.worker, process ",
        "# packages: llama-cpp-python ",
        "# processor: ",
        "# memory: ",
        "# GPUs: ",
        "# run 1, variant 1: model demo-ja, name IQ3_S, engine llama.cpp, weights demo, precision IQ3_S, ",
        "# sampling: max_tokens 48, ",
        f"# weights: {paths.demo_model()}, 8.0 MiB",
        "# llama.cpp: llama-cpp-python ",
    ):
        assert part in header
    assert f"the runner of run 1 in {experiment.store.path}" in paths.run_log(1).read_text()


@MOMENTS
def test_kernel_kill_for_memory_is_told_as_such_with_what_was_had_and_free(
    experiment: CrashingRuns, moment: Callable[[RunSummary], bool], doing: str
) -> None:
    with memory_group() as group:
        group.limit(LIMIT)
        experiment.start_within(group)
        experiment.wait(moment)
        worker = experiment.worker(experiment.summary().id)
        worker.suspend()
        group.have_killed(worker)
        reason = experiment.end()
    assert re.match(rf"The kernel killed the worker for lack of memory {doing}: it used [\d.]+ (MiB|GiB) and ", reason)
    assert re.search(r"were free( a moment before)? \(container limit 640 MiB\)\. ", reason)
    assert "Use a smaller model, fewer slots or a smaller context." in reason
    assert reason in experiment.log().read_text()


@MOMENTS
def test_kill_by_hand_is_not_taken_for_lack_of_memory(
    experiment: CrashingRuns, moment: Callable[[RunSummary], bool], doing: str
) -> None:
    stop_worker(experiment, moment).kill()
    reason = experiment.end()
    assert re.match(
        rf"The worker was killed \(SIGKILL\) by another process or a person {doing}; it used [\d.]+ \w+ and ", reason
    )
    assert "lack of memory" not in reason


def test_worker_that_is_ended_by_hand_is_told_as_such(experiment: CrashingRuns) -> None:
    worker = stop_worker(experiment, is_answering)
    worker.terminate()
    worker.resume()
    reason = experiment.end()
    assert re.match(
        rf"The worker was stopped \(SIGTERM\) by another process or a person {ANSWERING}\. Its log: ", reason
    )


def test_runner_that_crashes_leaves_its_trace_and_the_follower_names_its_log(experiment: CrashingRuns) -> None:
    command = [sys.executable, "-m", "qtui", "run", str(experiment.file), "--store", str(experiment.store.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as follower:
        experiment.wait(is_answering)
        experiment.runner(1).send_signal(signal.SIGSEGV)
        _, told = follower.communicate(timeout=PATIENCE_SECONDS)
    assert "run 1 is interrupted" in told
    assert f"The runner stopped unexpectedly (killed, or power lost). Its log: {paths.run_log(1)}\n" in told
    assert "Nothing is lost; run the same command again to resume" in told
    assert "Fatal Python error: Segmentation fault" in paths.run_log(1).read_text()


@pytest.mark.parametrize(
    ("arguments", "printed", "process", "doing"),
    [
        (
            ("quantize", "demo", "--type", "IQ3_S"),
            "converting to iq3_s",
            "The quantizing process",
            r"quantizing to IQ3_S \(\d+ %\)",
        ),
        (
            ("bench", "demo", "--types", "Q8_0", "--repeats", "1000"),
            "I llama_kv_cache: size",
            "The measuring process",
            r"(loading weights|measuring) \(Q8_0, \d+ %\)",
        ),
    ],
    ids=["quantize", "bench"],
)
def test_process_of_a_type_that_crashes_is_told_with_type_and_phase(
    experiment: CrashingRuns, arguments: Sequence[str], printed: str, process: str, doing: str
) -> None:
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(experiment.store.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as maker:
        log = paths.logs() / f"{arguments[0]}.log"
        experiment.wait_for_text(log, printed)
        [child] = psutil.Process(maker.pid).children()
        child.send_signal(signal.SIGSEGV)
        _, told = maker.communicate(timeout=PATIENCE_SECONDS)
    assert re.search(rf": {process} crashed in native code \(SIGSEGV\) while {doing}\. Its log: {log}", told)
    assert "Fatal Python error: Segmentation fault" in log.read_text()


def test_limit_on_addresses_is_named_where_memory_runs_out(experiment: CrashingRuns) -> None:
    worker = stop_worker(experiment, is_loading)
    most = worker.memory_info().vms + MIB
    worker.rlimit(psutil.RLIMIT_AS, (most, most))
    worker.resume()
    reason = experiment.end()
    assert "out of memory" in reason
    assert "(`ulimit -v`)" in reason
