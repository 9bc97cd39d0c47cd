"""How the end of a process is put into words, by its exit code and the recorded end of its log."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qtui.device.memory import AddressSpace
from qtui.processes import log_end
from qtui.processes.end import End, MemoryUse, Subject, in_words
from tests.processes.log_ends import (
    ALLOCATION_FAILED,
    ASKED,
    ASSERT,
    BACKTRACE,
    BAD_ALLOC,
    CUDA,
    GDB,
    HEADER,
    LENGTH_ERROR,
    LOADING,
    TRACEBACK,
    crashed,
)

GIB = 1 << 30
WORKER = Subject("the worker", "Use a smaller model, fewer slots or a smaller context.")
LOG = Path("/logs/run-1-3.log")
DOING = "loading weights (87 %)"


def told(code: int, written: str = "", memory: MemoryUse | None = None, doing: str = DOING) -> str:
    return in_words(WORKER, End(code, doing, LOG, written, memory or MemoryUse()))


@pytest.mark.parametrize(
    ("number", "trace", "words"),
    [
        (signal.SIGSEGV, "Segmentation fault", "crashed in native code (SIGSEGV) while loading weights (87 %)."),
        (signal.SIGABRT, "Aborted", "was aborted by native code (SIGABRT) while loading weights (87 %)."),
        (signal.SIGFPE, "Floating-point exception", "(SIGFPE: a division by zero) while loading weights (87 %)."),
        (
            signal.SIGBUS,
            "Bus error",
            "(SIGBUS) while loading weights (87 %). A file that it reads may be truncated",
        ),
        (signal.SIGILL, "Illegal instruction", "(SIGILL) while loading weights (87 %). A library was built for"),
        (signal.SIGTERM, "", "was stopped (SIGTERM) by another process or a person while loading weights (87 %)."),
        (signal.SIGSYS, "", "made a system call that is forbidden here (SIGSYS) while"),
        (signal.SIGXCPU, "", "used up its limit of processor time (SIGXCPU, `ulimit -t`) while"),
        (signal.SIGUSR2, "", "was stopped by a signal (SIGUSR2) while"),
        (signal.SIGRTMIN + 3, "", f"was stopped by a signal (signal {signal.SIGRTMIN + 3}) while"),
    ],
)
def test_signal_is_told_in_words_with_what_was_going_on_and_the_log(number: int, trace: str, words: str) -> None:
    said = told(-number, crashed(trace) if trace else HEADER + LOADING)
    assert said.startswith("The worker ")
    assert words in said
    assert said.endswith("Its log: /logs/run-1-3.log")
    assert "File" not in said
    assert "Fatal" not in said


@pytest.mark.parametrize("around", ["", GDB, BACKTRACE], ids=["plain", "gdb", "backtrace"])
@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        (ASSERT, "ggml.c:1729: GGML_ASSERT(ctx->mem_buffer != NULL) failed"),
        (LENGTH_ERROR, "std::length_error: vector::_M_default_append"),
        ("/b/ggml-backend.cpp:772: pre-allocated tensor (x) in a buffer (CUDA0) that cannot run (NONE)\n",
         "ggml-backend.cpp:772: pre-allocated tensor (x) in a buffer (CUDA0) that cannot run (NONE)"),
        ("free(): double free detected in tcache 2\n", "free(): double free detected in tcache 2"),
        ("double free or corruption (!prev)\n", "double free or corruption (!prev)"),
        ("corrupted size vs. prev_size\n", "corrupted size vs. prev_size"),
        ("*** stack smashing detected ***: terminated\n", "*** stack smashing detected ***: terminated"),
        ("python: a.c:35: f: Assertion `p->x' failed.\n", "python: a.c:35: f: Assertion `p->x' failed."),
        ("Fatal Python error: PyMUTEX_LOCK: invalid argument\nPython runtime state: initialized\n",
         "Fatal Python error: PyMUTEX_LOCK: invalid argument"),
        ("OMP: Error #15: Initializing libiomp5.so, but found libomp.so already initialized.\n",
         "OMP: Error #15: Initializing libiomp5.so, but found libomp.so already initialized."),
    ],
)  # fmt: skip
def test_abort_is_told_with_what_the_library_printed_before(printed: str, around: str, cause: str) -> None:
    said = told(-signal.SIGABRT, crashed("Aborted", printed + around))
    assert said == (
        f"The worker was aborted by native code (SIGABRT) while {DOING}: {cause.rstrip('.')}. Its log: {LOG}"
    )


def test_crash_does_not_take_an_error_that_was_survived_for_its_cause() -> None:
    said = told(-signal.SIGSEGV, HEADER + ALLOCATION_FAILED + crashed("Segmentation fault"))
    assert said == f"The worker crashed in native code (SIGSEGV) while {DOING}. Its log: {LOG}"


@pytest.mark.parametrize(
    ("code", "printed", "words"),
    [
        (-6, BAD_ALLOC, "ran out of memory (SIGABRT) while loading weights (87 %): std::bad_alloc."),
        (
            -11,
            ALLOCATION_FAILED,
            "ran out of memory (SIGSEGV) while loading weights (87 %): llama_init_from_model: failed",
        ),
        (1, "MemoryError\n", "ran out of memory (status 1) while loading weights (87 %): MemoryError."),
        (-6, CUDA, "ran out of GPU memory (SIGABRT) while loading weights (87 %): CUDA error: out of memory."),
    ],
)
def test_lack_of_memory_is_told_where_the_log_names_it(code: int, printed: str, words: str) -> None:
    said = told(code, crashed("Aborted", printed))
    assert words in said
    assert "Use a smaller model, fewer slots or a smaller context." in said


def test_signal_of_another_process_is_not_explained_by_an_error_before_it() -> None:
    assert "memory" not in told(-signal.SIGTERM, LOADING + ALLOCATION_FAILED)


def test_limit_on_addresses_is_named_with_lack_of_memory() -> None:
    had = MemoryUse(address_space=AddressSpace(2 * GIB, GIB, GIB))
    assert "Its address space is limited to 2.0 GiB (`ulimit -v`)." in told(-6, crashed("Aborted", BAD_ALLOC), had)


def test_crash_that_names_no_cause_near_the_limit_on_addresses_may_come_of_it() -> None:
    near = told(-11, "", MemoryUse(address_space=AddressSpace(2 * GIB, GIB, 2 * GIB - 5)))
    far = told(-11, "", MemoryUse(address_space=AddressSpace(2 * GIB, GIB, GIB)))
    assert "limited to 2.0 GiB (`ulimit -v`) and it had used 2.0 GiB: it may have run out of memory" in near
    assert "memory" not in far


def test_limit_on_addresses_is_no_limit_of_a_gpu() -> None:
    had = MemoryUse(address_space=AddressSpace(2 * GIB, GIB, 2 * GIB))
    assert "ulimit" not in told(-6, crashed("Aborted", CUDA), had)


def test_kernel_that_kills_for_memory_is_told_with_what_was_had_and_free() -> None:
    had = MemoryUse(int(21.3 * GIB), int(0.2 * GIB), 24 * GIB, 64 * GIB, killed_for_memory=True)
    assert told(-9, memory=had, doing="loading weights (41 %)") == (
        "The kernel killed the worker for lack of memory while loading weights (41 %): it used 21.3 GiB and 205 MiB were free "
        "(container limit 24.0 GiB). Use a smaller model, fewer slots or a smaller context. Its log: /logs/run-1-3.log"
    )


def test_kernel_kill_without_a_container_names_the_memory_of_the_machine() -> None:
    had = MemoryUse(60 * GIB, GIB, None, 64 * GIB, killed_for_memory=True, grew_after_sample=True)
    assert "it used 60.0 GiB and 1.0 GiB were free a moment before (the machine has 64.0 GiB)." in told(-9, memory=had)


def test_kill_by_hand_is_told_as_such() -> None:
    had = MemoryUse(2 * GIB, 30 * GIB, None, 64 * GIB, killed_for_memory=False)
    assert told(-9, memory=had) == (
        f"The worker was killed (SIGKILL) by another process or a person while {DOING}; it used 2.0 GiB and 30.0 GiB were free "
        f"(the machine has 64.0 GiB). Its log: {LOG}"
    )


def test_kill_where_memory_was_short_names_the_guards_that_kill_for_it() -> None:
    had = MemoryUse(60 * GIB, GIB, None, 64 * GIB, killed_for_memory=False)
    said = told(-9, memory=had)
    assert "by another process or a person" in said
    assert "systemd-oomd" in said


def test_kill_on_a_system_that_does_not_count_is_left_open() -> None:
    assert "by another process, a person, or the kernel for lack of memory while" in told(-9)


@pytest.mark.parametrize(
    ("code", "written", "words"),
    [
        (1, TRACEBACK, "ended with status 1 while loading weights (87 %): ImportError: libcudnn.so.9: cannot open shared"),
        (1, "libgomp: Thread creation failed: Resource busy\n", "status 1 while loading weights (87 %): libgomp"),
        (3, "the licence of this model has run out\n", "status 3 while loading weights (87 %): the licence of this model"),
        (2, HEADER + LOADING + ASKED, "ended with status 2 while loading weights (87 %): its log names no cause."),
        (0, HEADER + LOADING, "ended before it was finished while loading weights (87 %)."),
    ],
)  # fmt: skip
def test_exit_is_told_with_the_last_message_of_its_log(code: int, written: str, words: str) -> None:
    assert words in told(code, written)


def test_cause_is_short() -> None:
    assert len(log_end.cause("ValueError: " + "x" * 5000)) <= 200


def test_only_what_a_process_itself_wrote_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(ASSERT)
    start = log.stat().st_size
    with log.open("a") as more:
        more.write("MemoryError\n")
    assert log_end.written_since(log, start) == "MemoryError\n"
    assert log_end.written_since(tmp_path / "absent", 0) == ""


def test_log_of_any_size_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("I llama_model_loader: line\n" * 100_000 + ASSERT)
    assert log_end.cause(log_end.written_since(log, 0)).startswith("ggml.c:1729")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "crashed in native code (SIGSEGV)."),
        ("import ctypes; c = ctypes.CDLL(None); p = c.malloc(40); c.abort()", "was aborted by native code (SIGABRT)."),
        ("import ctypes; ctypes.pythonapi.Py_FatalError(b'nothing works')", "(SIGABRT): Fatal Python error: nothing works."),
        ("raise RuntimeError('no such thing')", "ended with status 1: RuntimeError: no such thing."),
    ],
)  # fmt: skip
def test_real_process_is_told_by_its_real_log(program: str, words: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    begin = "from qtui.processes import log; log.begin('a test')\n"
    with log.open("wb") as output:
        done = subprocess.run([sys.executable, "-c", begin + program], stderr=output, check=False)
    said = in_words(WORKER, End(done.returncode, log=log, written=log_end.written_since(log, 0)))
    assert words in said


def test_last_error_is_that_of_the_process_that_began_last(tmp_path: Path) -> None:
    file = tmp_path / "run-1.log"
    file.write_text("# the runner of run 1 in s.sqlite\nerror: the disk is full\n")
    assert log_end.last_error(file, "the runner of run 1 in ") == "the disk is full"
    with file.open("a") as log:
        log.write("# the runner of run 1 in s.sqlite\nI loading\n")
    assert log_end.last_error(file, "the runner of run 1 in ") == ""
    assert log_end.last_error(tmp_path / "gone.log", "the runner") == ""
