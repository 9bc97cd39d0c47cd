"""The worker over a real pipe: what it says, what it says when things are broken, and that it dies with its parent."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from qtui.engines.protocol.answering import (
    Answered,
    Failed,
    Finished,
    FromWorker,
    Job,
    Loaded,
    Loading,
    Planned,
    Unanswered,
    encode,
)
from qtui.records import Sampling
from tests.engines.conftest import QUESTIONS, job, variant
from tests.engines.worker_process import WorkerProcess

HEAVY = ("torch", "transformers", "llama_cpp", "numpy", "pandas", "huggingface_hub", "openai", "gguf", "sentencepiece")


def test_a_whole_life_on_llama_cpp_from_a_folder(spm: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("llama.cpp", spm, "Q4_K_M")))
    kinds = [type(message) for message in heard]
    assert kinds.index(Planned) < kinds.index(Loaded) < kinds.index(Answered) < kinds.index(Finished) == len(kinds) - 1
    assert worker.process.returncode == 0
    assert answered_once(heard, len(QUESTIONS))
    phases = [message.phase for message in heard if isinstance(message, Loading)]
    assert "converting tiny-spm to GGUF" in phases
    assert "quantizing to Q4_K_M" in phases


def test_a_whole_life_on_transformers(spm: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("transformers", spm, "FP16")))
    assert worker.process.returncode == 0
    assert answered_once(heard, len(QUESTIONS))
    (loaded,) = (message for message in heard if isinstance(message, Loaded))
    assert loaded.facts.dtype == ("float32" if loaded.facts.device == "cpu" else "float16")
    assert "%|" not in (tmp_path / "log").read_text()  # no progress bars in the log


def test_only_what_is_wanted_is_answered(spm_gguf: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("llama.cpp", spm_gguf)), [7, 2])
    assert sorted(message.index for message in heard if isinstance(message, Answered)) == [2, 7]


def test_with_nothing_wanted_nothing_is_loaded(spm_gguf: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        heard = worker.run(job(variant("llama.cpp", spm_gguf)), [])
    assert [type(message) for message in heard if not isinstance(message, Loading)] == [Planned, Finished]
    assert worker.process.returncode == 0


def test_both_sides_of_a_model_are_asked_the_same(spm: Path, spm_gguf: Path, tmp_path: Path) -> None:
    hashes = set()
    for spec in (
        variant("transformers", spm, "FP16"),
        variant("llama.cpp", spm, "Q2_K"),
        variant("llama.cpp", spm_gguf),
    ):
        prompt = job(spec).prompt
        with WorkerProcess(tmp_path / "log") as worker:
            heard = worker.run(Job(spec, Sampling(), type(prompt)(weights=str(spm)), job(spec).items), [])
        hashes |= {message.prompt_hash for message in heard if isinstance(message, Planned)}
    assert len(hashes) == 1


def test_planning_reads_each_file_of_a_folder_once(spm: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from qtui.engines import planning
        from qtui.engines.processes import child
        from qtui.engines.protocol.answering import Job
        from qtui.engines.weights.finding import WeightsFinder
        asked = child.read_message(sys.stdin.buffer, Job)
        planning.plan(asked, WeightsFinder(lambda _: None))  # hashes what is new
        sys.addaudithook(lambda event, args: event == "open" and print(args[0]))
        planning.plan(asked, WeightsFinder(lambda _: None))
    """)
    for spec in (variant("transformers", spm, "FP16"), variant("llama.cpp", spm, "Q4_K_M")):
        done = subprocess.run([sys.executable, "-c", program], input=encode(job(spec)), capture_output=True, check=True)
        opened = [Path(line) for line in done.stdout.decode().splitlines() if line.startswith(str(spm))]
        assert "config.json" in {file.name for file in opened}
        assert len(opened) == len(set(opened))


def test_planning_loads_nothing_heavy(spm: Path, spm_gguf: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from qtui.engines import planning
        from qtui.engines.processes import child, worker
        from qtui.engines.protocol.answering import Job
        from qtui.engines.weights.finding import WeightsFinder
        planning.plan(child.read_message(sys.stdin.buffer, Job), WeightsFinder(print))
        print(*sys.modules)
    """)
    for spec in (
        variant("transformers", spm, "FP16"),
        variant("llama.cpp", spm, "Q4_K_M"),
        variant("llama.cpp", spm_gguf),
    ):
        done = subprocess.run([sys.executable, "-c", program], input=encode(job(spec)), capture_output=True, check=True)
        loaded = set(done.stdout.decode().split())
        assert not loaded & set(HEAVY)


def damage_nothing(path: Path) -> None:
    path.unlink()


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def damage_text(path: Path) -> None:
    path.write_text("this is no model\n" * 1000)


def damage_magic(path: Path) -> None:
    path.write_bytes(b"XXXX" + path.read_bytes()[4:])


def damage_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_nothing, "no such folder or file"),
        (damage_cut, "cut off: its tensors end beyond"),
        (damage_text, "not a GGUF file"),
        (damage_magic, "not a GGUF file"),
        (damage_folder, "no config.json"),
    ],
)
def test_a_damaged_gguf_fails_with_its_reason(
    spm_gguf: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    path = tmp_path / "model.gguf"
    shutil.copy(spm_gguf, path)
    damage(path)
    assert_fails(job(variant("llama.cpp", path)), tmp_path, said)


@pytest.mark.parametrize(
    "case",
    [
        ("model.safetensors", b"short", "model.safetensors|cannot load it"),
        ("model.safetensors", None, "no \\*.safetensors"),
        ("config.json", b"{", "config.json"),
        ("tokenizer_config.json", b"[}", "tokenizer_config.json"),
        ("tokenizer.model", b"no tokenizer", "tokenizer"),
    ],
)
@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_a_damaged_folder_fails_with_its_reason(
    spm: Path, tmp_path: Path, engine: str, case: tuple[str, bytes | None, str]
) -> None:
    file, content, said = case
    folder = tmp_path / "model"
    shutil.copytree(spm, folder)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    spec = (
        variant("transformers", folder, "FP16") if engine == "transformers" else variant("llama.cpp", folder, "Q4_K_M")
    )
    assert_fails(job(spec), tmp_path, said)


def test_an_unknown_precision_names_those_there_are(spm: Path, tmp_path: Path) -> None:
    assert_fails(job(variant("llama.cpp", spm, "Q4_XXL")), tmp_path, "Q4_K_M")
    assert_fails(job(variant("transformers", spm, "Q4_K_M")), tmp_path, "FP16, BF16 and FP32")


def test_a_line_that_is_no_message_fails_without_a_traceback(tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        worker.stdin.write(b"not json\n")
        worker.stdin.flush()
        (heard,) = worker.messages()
    assert isinstance(heard, Failed)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_it_dies_when_the_runner_closes_its_stdin(spm_gguf: Path, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log") as worker:
        worker.say(job(variant("llama.cpp", spm_gguf), max_tokens=400))
        next(message for message in worker.messages() if isinstance(message, Planned))
        worker.stdin.close()
        assert worker.process.wait(timeout=20) != 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's death signal is Linux's")
def test_it_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The grandparent (this test) holds the worker's stdin open, so that only the kernel's signal can end it."""
    parent = textwrap.dedent("""
        import subprocess, sys, time
        worker = subprocess.Popen([sys.executable, "-m", "qtui.engines.processes.worker"], stdin=0, stdout=subprocess.PIPE)
        print(worker.pid, flush=True)
        time.sleep(600)
    """)
    reading, writing = os.pipe()
    started = subprocess.Popen([sys.executable, "-c", parent], stdin=reading, stdout=subprocess.PIPE)
    assert started.stdout
    worker = psutil.Process(int(started.stdout.readline()))
    os.write(writing, b"")
    wait_until_protected(worker)
    started.send_signal(signal.SIGKILL)
    started.wait()
    gone, alive = psutil.wait_procs([worker], timeout=20)
    for process in alive:
        process.kill()
    os.close(reading)
    os.close(writing)
    started.stdout.close()
    assert gone


def wait_until_protected(worker: psutil.Process) -> None:
    """Until it waits for its job: its stdout, the pipe, has become its stderr by then."""
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        links = [Path(f"/proc/{worker.pid}/fd/{number}").readlink() for number in (1, 2) if worker.is_running()]
        if len(links) == 2 and links[0] == links[1]:
            return
        time.sleep(0.02)
    raise AssertionError("the worker did not come up")


def answered_once(heard: list[FromWorker], count: int) -> bool:
    indices = Counter(message.index for message in heard if isinstance(message, Answered | Unanswered))
    return indices == Counter(range(count))


def assert_fails(asked: Job, tmp_path: Path, said: str) -> None:
    log = tmp_path / "log"
    with WorkerProcess(log) as worker:
        heard = worker.run(asked)
    assert isinstance(heard[-1], Failed), heard[-1]
    assert worker.process.returncode == 1
    assert re.search(said, heard[-1].reason), heard[-1].reason
    assert "the log has details" not in heard[-1].reason
