"""Commands whose stdout, stderr or stdin is closed, full or a pipe that nobody reads: a sentence and a status, and no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qtui import paths

QTUI = f"{sys.executable} -m qtui"
COMMANDS = (
    "scores",
    "runs --json",
    "lengths",
    "compare 3",
    "export answers",
    "doctor",
    "locate",
    "--help",
    "--version",
)
DEFECT = "import qtui.cli as c\ndef broken(*a, **k): raise RuntimeError('inside')\nc.cli.main = broken\nc.main()"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_stdout_is_said_in_a_sentence(store_path: Path, command: str) -> None:
    done = shell(f"{QTUI} {command} >&-")
    assert done.returncode == 1
    assert done.stderr == (
        "error: stdout cannot be written (Bad file descriptor): what the command printed is not whole\n"
    )


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_a_full_stdout_is_said_in_a_sentence(store_path: Path, command: str) -> None:
    done = shell(f"{QTUI} {command} >/dev/full")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: stdout cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_a_closed_stderr_or_stdin_changes_no_result(store_path: Path, command: str) -> None:
    right = shell(f"{QTUI} {command}")
    for closed in ("2>&-", "<&-", "<&- 2>&-"):
        done = shell(f"{QTUI} {command} {closed}")
        assert (done.returncode, done.stdout) == (right.returncode, right.stdout), closed


@pytest.mark.parametrize("stderr", ["a pipe whose reader has left", "/dev/full"])
def test_a_stderr_that_cannot_be_written_changes_no_result(store_path: Path, tmp_path: Path, stderr: str) -> None:
    """The command says on stderr how many rows it wrote."""
    reader, pipe = os.pipe()
    os.close(reader)
    unwritable = os.open("/dev/full", os.O_WRONLY) if stderr == "/dev/full" else pipe
    command = [sys.executable, "-m", "qtui", "export", "answers", "--output", str(tmp_path / "x.csv")]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=unwritable, stdin=subprocess.DEVNULL)
    for each in {pipe, unwritable}:
        os.close(each)
    assert (done.returncode, done.stdout) == (0, b"")
    assert len((tmp_path / "x.csv").read_text().splitlines()) > 36


@pytest.mark.parametrize("streams", [("stdout",), ("stdout", "stderr")], ids=" and ".join)
def test_a_stdout_whose_reader_has_left_ends_the_command_in_order(store_path: Path, streams: tuple[str, ...]) -> None:
    """Also where a parent has made SIGPIPE deadly again."""
    reader, pipe = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "scores"],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe if "stderr" in streams else subprocess.PIPE,
        restore_signals=True,
    )
    os.close(pipe)
    assert done.returncode == 1
    assert not done.stderr


def test_nothing_that_is_opened_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    script = (
        "from qtui.processes import streams; streams.open_missing()\n"
        "import os, pathlib; opened = os.open('new', os.O_CREAT | os.O_RDWR)\n"
        "links = [os.readlink(f'/proc/self/fd/{i}') for i in range(3)]\n"
        "pathlib.Path('told').write_text(f'{opened > 2} {links}')"
    )
    done = subprocess.run(
        ["sh", "-c", f'cd {tmp_path} && exec {sys.executable} -c "$0" <&- >&- 2>&-', script], check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "told").read_text() == "True ['/dev/null', '/dev/null', '/dev/null']"


def test_an_error_that_nobody_can_be_told_keeps_its_status(tmp_path: Path) -> None:
    for closed in ("2>&-", "2>/dev/full"):
        done = shell(f"{QTUI} scores --store {tmp_path / 'gone.sqlite'} {closed}")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", ""), closed


def test_a_defect_whose_log_cannot_be_written_is_one_line_with_its_place(tmp_path: Path) -> None:
    paths.logs().parent.parent.mkdir(parents=True)
    paths.logs().parent.write_text("a file in the place of the folder")
    done = subprocess.run([sys.executable, "-c", DEFECT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: this is a defect of qtui (RuntimeError). inside (<string>:2). The details could not be"
    )
    assert done.stderr.count("\n") == 1
