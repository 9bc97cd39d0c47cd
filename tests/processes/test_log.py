"""What processes leave in their logs: header, traces when they crash or are asked, and nothing where a command ended in order."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from qtui import __version__, paths
from qtui.engines.device.gpus import Gpu
from qtui.processes import header
from qtui.processes.log import rotate_if_large
from qtui.records import Sampling, VariantSpec

PATIENCE_SECONDS = 30.0


def written(program: str, log: Path, *, status: int = 0, **environment: str) -> str:
    """What a program with this text writes to stderr, its log."""
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            stderr=output,
            check=False,
            env={**os.environ, **environment},
        )
    assert done.returncode == status
    return log.read_text()


def wait_for(log: Path, text: str) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if log.exists() and text in (found := log.read_text()):
            return found
        time.sleep(0.01)
    raise AssertionError(f"no {text!r} in {log.read_text() if log.exists() else 'no log'}")


def test_header_says_what_runs_where(tmp_path: Path) -> None:
    said = written("from qtui.processes import log; log.begin('a test')", tmp_path / "log")
    assert all(line.startswith("# ") for line in said.splitlines())
    assert re.match(
        rf"# \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}} qtui {re.escape(__version__)}: a test, process \d+\n", said
    )
    for part in ("`kill -USR1 ", "Python 3.", "packages: ", "processor: ", "memory: ", "GPUs: "):
        assert part in said


def test_header_has_nothing_of_the_environment(tmp_path: Path) -> None:
    program = "from qtui.processes import log; log.begin('a test')"
    assert "sk-12345" not in written(program, tmp_path / "log", OPENAI_API_KEY="sk-12345", HF_TOKEN="sk-12345")


def test_machine_that_cannot_be_described_stops_no_process(tmp_path: Path) -> None:
    program = """
        from qtui.processes import header, log
        header.machine = lambda: 1 / 0
        log.begin('a test')
    """
    assert "# this machine could not be described (ZeroDivisionError" in written(program, tmp_path / "log")


def test_gpus_that_the_tool_is_asked_for_follow_the_header(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-1, NVIDIA L4, 23034, 550.54.15, 8.9'\n")
    tool.chmod(0o755)
    program = """
        import threading
        from qtui.processes import log
        log.begin('a test', asks_gpu_tools=True)
        [thread.join() for thread in threading.enumerate() if thread.name == "gpus"]
    """
    said = written(program, tmp_path / "log", PATH=f"{tmp_path}:{os.environ['PATH']}", CUDA_VISIBLE_DEVICES="-1")
    assert "# GPUs: NVIDIA L4, 22.5 GiB, driver 550.54.15, compute capability 8.9, hidden by the environment\n" in said


def test_crash_in_a_thread_is_traced_with_all_threads(tmp_path: Path) -> None:
    program = """
        import ctypes, threading, time
        from qtui.processes import log
        log.begin('a test')
        def crash():
            ctypes.string_at(0)
        threading.Thread(target=crash).start()
        time.sleep(60)
    """
    said = written(program, tmp_path / "log", status=-signal.SIGSEGV)
    assert "Fatal Python error: Segmentation fault" in said
    assert "in crash\n" in said
    assert "in <module>\n" in said


def test_process_that_is_asked_says_where_it_is_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = """
        import sys
        from qtui.processes import log
        log.begin('a test')
        def wait_for_input():
            sys.stdin.readline()
        wait_for_input()
    """
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stderr=output, stdin=subprocess.PIPE, text=True
        )
    wait_for(log, "GPUs: ")
    child.send_signal(signal.SIGUSR1)
    wait_for(log, "in wait_for_input\n")
    assert child.poll() is None
    child.communicate("\n")
    assert child.returncode == 0


def command(program: str, log: Path) -> "subprocess.CompletedProcess[str]":
    begin = f"from pathlib import Path; from qtui.processes import log; log.begin_command(Path({str(log)!r}), 'qtui test')\n"
    return subprocess.run([sys.executable, "-c", begin + program], capture_output=True, text=True, check=False)


def test_command_that_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "errors.log"
    log.write_text("before\n")
    done = command("log.describe_machine(); log.end_command()", log)
    assert (done.stderr, log.read_text()) == ("", "before\n")


def test_command_that_crashes_leaves_its_header_and_its_trace_in_the_file_and_not_on_the_terminal(
    tmp_path: Path,
) -> None:
    log = tmp_path / "new" / "errors.log"
    done = command("import ctypes; ctypes.string_at(0)", log)
    assert done.stderr == ""
    assert re.search(r"qtui test, process \d+\n", log.read_text())
    assert "Fatal Python error: Segmentation fault" in log.read_text()


def test_command_takes_back_nothing_that_another_wrote_after_it(tmp_path: Path) -> None:
    log = tmp_path / "errors.log"
    command(f"open({str(log)!r}, 'a').write('of another\\n'); log.end_command()", log)
    assert log.read_text().endswith("of another\n")
    assert "qtui test" in log.read_text()


def test_command_works_where_no_log_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("log.describe_machine(); log.end_command()", tmp_path / "file" / "errors.log")
    assert (done.returncode, done.stderr) == (0, "")


def test_command_line_of_qtui_is_traced(tmp_path: Path) -> None:
    program = "import ctypes, qtui.cli; qtui.cli.cli.main = lambda **_: ctypes.string_at(0); qtui.cli.main()"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in (paths.logs() / "errors.log").read_text()


def test_log_that_has_grown_large_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "bench.log"
    log.write_bytes(b"x" * ((8 << 20) + 1))
    rotate_if_large(log)
    assert not log.exists()
    assert (tmp_path / "bench.log.old").exists()
    rotate_if_large(log)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("https://user:secret@host/v1", "https://***@host/v1"),
        ("https://secret@host/v1", "https://***@host/v1"),
        ("https://user:se@cret@host/v1", "https://***@host/v1"),
        ("https://user:se?cret/#@host/v1", "https://***@host/v1"),
        ("https://host/v1?key=secret", "https://host/v1?***"),
        ("user:secret@host/v1", "***@host/v1"),
    ],
)
def test_address_is_written_without_what_is_secret_in_it(url: str, masked: str) -> None:
    assert header.without_secrets(url) == masked


def test_settings_of_a_variant_are_written_without_what_is_not_set() -> None:
    spec = VariantSpec("calm2", "Q4_K_M", "openai", "calm2", "Q4_K_M", base_url="https://user:secret@host/v1", slots=4)
    lines = header.variant(spec, Sampling(max_tokens=7, stop=("END",)), "run 3, variant 7")
    assert lines[0].startswith("run 3, variant 7: model calm2, name Q4_K_M, engine openai, weights calm2, ")
    assert "slots 4" in lines[0]
    assert "secret" not in lines[0]
    assert "context" not in lines[0]
    assert "max_tokens 7" in lines[1]
    assert "stop ('END',)" in lines[1]


def test_gpu_of_which_little_is_known_is_named() -> None:
    assert header.gpu_in_words(Gpu("nvidia", "NVIDIA GPU")) == "NVIDIA GPU"
