"""The log of a process: a header at its start, and the stacks of all threads when it crashes.

qtui's lines begin with `# ` to distinguish them from the output of libraries. All is written without Python's buffers, because
their content is lost when native code crashes.
"""

import contextlib
import faulthandler
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from qtui import __version__
from qtui.files import private_files

MARK = "# "
_STDERR = 2
LARGEST_BYTES = 8 << 20
"""A larger log of a run is cut in its middle (`bound`). A larger log of anything else is renamed to `NAME.old` before a process
appends to it; an older `NAME.old` is replaced."""
_KEPT_OF_START, _KEPT_OF_END = 1 << 20, 3 << 20
_CUT = re.compile(rb"(?m)^# \[(\d+) bytes were left out here: [^\n]*\]\n")
_LONGEST_NOTICE = 200


@dataclass(slots=True)
class _Log:
    """The log of this process. With `is_screen` its stderr is a terminal, and only crashes and the header go to the log."""

    descriptor: int
    is_screen: bool = False
    header_bytes: int = 0


_log: _Log | None = None
_writing_head = threading.Lock()
"""Held while the header is written: a thread may describe the machine while the process ends."""


def begin(title: str, *, describes_machine: bool = True, asks_gpu_tools: bool = False) -> None:
    """Make stderr the log of this process, for crash traces and a header that describes the machine.

    `asks_gpu_tools`: also run nvidia-smi, in a thread, and write its GPUs after the header.
    """
    global _log  # noqa: PLW0603 - a process has one log
    trace(_STDERR)
    _log = _Log(_STDERR)
    note(heading(title), _stacks_hint())
    if describes_machine and asks_gpu_tools:
        describe_machine(with_gpus=False)
        threading.Thread(target=_describe_gpus, daemon=True, name="gpus").start()
    elif describes_machine:
        describe_machine()


def begin_command(file: Path, title: str) -> None:
    """Make `file` the log of a process whose stderr is a person's terminal.

    If the file cannot be written, crash traces go to the terminal.
    """
    global _log  # noqa: PLW0603 - a process has one log
    try:
        descriptor = opened(file)
    except OSError:
        with contextlib.suppress(ValueError, OSError):  # stderr may be closed
            trace(_STDERR)
        return
    trace(descriptor)
    _log = _Log(descriptor, is_screen=True)
    _head(heading(title), _stacks_hint())


def end_command() -> None:
    """Remove the header if nothing follows it, so that the log has only commands that crashed, were killed, or had a defect."""
    global _log
    if _log is None or not _log.is_screen:
        return
    with _writing_head:
        ended, _log = _log, None
    with contextlib.suppress(OSError):
        end = os.lseek(ended.descriptor, 0, os.SEEK_CUR)
        if os.fstat(ended.descriptor).st_size == end:
            os.ftruncate(ended.descriptor, end - ended.header_bytes)


def describe_machine(*, with_gpus: bool = True) -> None:
    """Add a description of the machine to the header. Takes some milliseconds."""
    _head(*_description(lambda header: [*header.machine(), *([header.gpus(asks_tools=False)] if with_gpus else [])]))


def opened(file: Path) -> int:
    """Open a log for appending and return its descriptor; makes its folder. Raises OSError if that fails."""
    rotate_if_large(file)
    with private_files.open_private_log(file) as opened_log:
        return os.dup(opened_log.fileno())


def rotate_if_large(file: Path) -> None:
    """Rename a large log to `NAME.old`. A process that has it open continues to write to the renamed file."""
    with contextlib.suppress(OSError):
        if file.stat().st_size > LARGEST_BYTES:
            file.replace(file.with_name(f"{file.name}.old"))


@dataclass(frozen=True, slots=True)
class Cut:
    """What `bound` did to a log: the bytes from `at` on were replaced by a notice, and the rest moved by `removed` bytes."""

    at: int
    removed: int

    def moved(self, offset: int) -> int:
        """Return where the text is now that was at `offset`; where the rest begins if it was left out."""
        return offset if offset <= self.at else max(self.at, offset - self.removed)


def bound(file: Path) -> Cut | None:
    """Leave out the middle of a log that has grown large, in place, so that processes that have it open go on at its end.

    Its start (the machine, the settings, the first error) and its end are kept. Only one process may bound a log. What another
    process writes in the microseconds before the file is shortened may be lost.
    """
    with contextlib.suppress(OSError):
        if file.stat().st_size > LARGEST_BYTES:
            with private_files.open_existing(file) as opened_log:
                return _leave_out_middle(opened_log)
    return None


def _leave_out_middle(file: BinaryIO) -> Cut:
    head = file.read(_KEPT_OF_START + _LONGEST_NOTICE)
    earlier = _CUT.search(head)
    at = earlier.start() if earlier else head.rfind(b"\n", 0, _KEPT_OF_START) + 1 or _KEPT_OF_START
    reading = file.seek(-_KEPT_OF_END, os.SEEK_END)
    reading += (
        _read_at(file, reading).find(b"\n") + 1
    )  # from the start of a line, unless a line is longer than what is read
    left_out = reading - at + (int(earlier[1]) - len(earlier[0]) if earlier else 0)
    notice = b"# [%d bytes were left out here: a log keeps its start and its end]\n" % left_out
    file.seek(at)
    file.write(notice)
    writing, first = at + len(notice), reading
    while piece := _read_at(file, reading):
        file.seek(writing)
        file.write(piece)
        reading, writing = reading + len(piece), writing + len(piece)
    file.truncate(writing)
    return Cut(at, first - at - len(notice))


def _read_at(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(1 << 20)


def trace(descriptor: int) -> None:
    """Write the stacks of all threads to `descriptor` when native code crashes, and on SIGUSR1."""
    faulthandler.enable(file=descriptor, all_threads=True)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=descriptor, all_threads=True)


def is_open() -> bool:
    """Whether the output of this process goes to a log and not to a screen, which more lines would disturb."""
    return _log is not None and not _log.is_screen


def note(*lines: str) -> None:
    """Add lines of qtui to the log of this process, if it has one."""
    write(_bytes(*lines))


def write(data: bytes) -> None:
    """Add bytes to the log of this process, if it has one. On a full disk they are lost."""
    if _log is not None and not _log.is_screen:
        _write(_log, data)


def _write(log: _Log, data: bytes) -> int:
    try:
        return os.write(log.descriptor, data)
    except OSError:
        return 0


def _head(*lines: str) -> None:
    with _writing_head:
        if _log is not None:
            _log.header_bytes += _write(_log, _bytes(*lines))


def _describe_gpus() -> None:
    note(*_description(lambda header: [header.gpus(asks_tools=True)]))


def _description(lines: Callable[[Any], list[str]]) -> list[str]:
    """Lines from the module `header`, or the reason why there are none. It never fails, so that no process does because of it."""
    try:
        from qtui.processes import header

        return lines(header)
    except Exception as error:
        return [f"this machine could not be described ({type(error).__name__}: {error})"]


def heading(title: str) -> str:
    """Return the line that begins what a process writes: when, by which qtui, what for. `qtui.cli.run_log` reads it."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S %z')} qtui {__version__}: {title}, process {os.getpid()}"


def _stacks_hint() -> str:
    return f"`kill -USR1 {os.getpid()}` writes the stacks of all threads of this process here"


def _bytes(*lines: str) -> bytes:
    return "".join(f"{MARK}{part}\n" for line in lines for part in line.splitlines()).encode(errors="replace")
