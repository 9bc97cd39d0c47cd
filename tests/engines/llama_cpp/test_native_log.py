"""What llama.cpp logs: information, warnings and errors reach the log of a process at once, and no flood of them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qtui.engines.llama_cpp.native_log import INFO_LINES

pytest.importorskip("llama_cpp", reason="needs the engines extra")

DEBUG, INFO, WARNING, ERROR, CONTINUED = 1, 2, 3, 4, 5

BEGIN = """
from qtui.processes import log
log.begin("a test", describes_machine=False)
"""
SAY = """
import ctypes, os
import llama_cpp
from qtui.engines.llama_cpp import native_log
kept, set_log = [], llama_cpp.llama_log_set
llama_cpp.llama_log_set = lambda callback, data: (kept.append(callback), set_log(callback, data))
native_log.listen()
say = lambda level, text: kept[0](level, text, None)
"""


def logged(program: str, begin: str = BEGIN) -> list[str]:
    """Lines that a process has written to stderr when it ends without a chance to flush, but for those of qtui."""
    whole = begin + SAY + textwrap.dedent(program) + "\nos._exit(0)\n"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    return [line for line in done.stderr.splitlines() if not line.startswith("# ")]


def test_levels_are_marked_and_debugging_is_left_out() -> None:
    assert logged(f"""
        say({DEBUG}, b"step\\n"); say({INFO}, b"loaded\\n"); say({WARNING}, b"odd\\n"); say({ERROR}, b"bad\\n")
    """) == ["I loaded", "W odd", "E bad"]


def test_piece_of_a_line_is_written_at_once_and_ends_there() -> None:
    assert logged(f"""
        say({INFO}, b"[ 1/39] quantizing .. "); say({CONTINUED}, b"size = 1 MiB\\n"); say({CONTINUED}, b"."); say({DEBUG}, b"a")
        say({CONTINUED}, b"b")
    """) == ["I [ 1/39] quantizing .. ", "I size = 1 MiB"]


def test_flood_of_information_is_cut_and_warnings_and_errors_are_not() -> None:
    lines = logged(f"""
        for number in range({INFO_LINES + 500}):
            say({INFO}, b"line\\n")
        say({WARNING}, b"odd\\n"); say({ERROR}, b"bad\\n")
    """)
    assert lines == ["I line"] * INFO_LINES + ["W odd", "E bad"]


def test_process_with_a_screen_shows_warnings_and_errors_only() -> None:
    assert logged(
        f'say({INFO}, b"loaded\\n"); say({WARNING}, b"odd\\n"); import sys; sys.stderr.flush()', begin=""
    ) == ["odd"]


def test_reason_is_the_first_error_as_before() -> None:
    assert (
        logged(f"""
        say({ERROR}, b"load: cannot open it\\n"); say({ERROR}, b"init: no model\\n")
        os.write(2, native_log.last_error().encode())
    """)[-1]
        == "cannot open it"
    )


def test_log_names_the_library_before_its_first_line(tmp_path: Path) -> None:
    whole = BEGIN + SAY + f'say({INFO}, b"first\\n")'
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    before, _, _ = done.stderr.partition("I first")
    assert "# llama.cpp: llama-cpp-python " in before
    assert "back ends " in before
    assert "CPU" in before
