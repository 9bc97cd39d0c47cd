"""What every process writes to its log without being asked: a header at its start, and where it was when it crashed.

Lines of qtui's own begin with `# `, so that they are told from what libraries print. Everything is written at once and past
Python's buffers: what is still in a buffer when native code crashes is lost.
"""

import contextlib
import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui import __version__
from qtui.files import private_files

MARK = "# "
_STDERR = 2
_LARGEST_BYTES = 8 << 20
"""A log that many processes add to is begun anew beyond this; what it had is kept once more beside it."""


@dataclass(slots=True)
class _Log:
    """Where a process writes. `is_screen`: its stderr is a person's terminal, so that only crashes and its header go here."""

    descriptor: int
    is_screen: bool = False
    header_bytes: int = 0


_log: _Log | None = None
_writing_head = threading.Lock()
"""A thread may describe the machine while the process ends."""


def begin(what: str, *, describes_machine: bool = True, asks_gpu_tools: bool = False) -> None:
    """Make stderr the log of this process: traces of crashes go there, and the header, with what this machine is.

    `asks_gpu_tools`: nvidia-smi is asked too, in a thread, and the GPUs follow the header.
    """
    global _log  # noqa: PLW0603 - a process has one log
    trace(_STDERR)
    _log = _Log(_STDERR)
    note(_title(what), _how_to_ask())
    if describes_machine and asks_gpu_tools:
        describe_machine(with_gpus=False)
        threading.Thread(target=_describe_gpus, daemon=True, name="gpus").start()
    elif describes_machine:
        describe_machine()


def begin_command(file: Path, what: str) -> None:
    """Make `file` the log of a process whose stderr is a person's terminal.

    Where the file cannot be written, traces of crashes go to the terminal.
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
    _head(_title(what), _how_to_ask())


def end_command() -> None:
    """Take the header back where nothing followed it: so `file` has commands that crashed, were killed, or had a defect."""
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
    """Add to the header what this machine is. Takes some milliseconds."""
    _head(*_described(lambda header: [*header.machine(), *([header.gpus(asks_tools=False)] if with_gpus else [])]))


def opened(file: Path) -> int:
    """A descriptor that adds to a log, whose folder is made. Raises OSError where that cannot be."""
    begin_anew_if_large(file)
    with private_files.open_private_log(file) as opened_log:
        return os.dup(opened_log.fileno())


def begin_anew_if_large(file: Path) -> None:
    """Put a log that has grown large aside as `NAME.old`. A process that is writing to it goes on there."""
    with contextlib.suppress(OSError):
        if file.stat().st_size > _LARGEST_BYTES:
            file.replace(file.with_name(f"{file.name}.old"))


def trace(descriptor: int) -> None:
    """Have the place of every thread written when native code crashes, and whenever SIGUSR1 asks for it."""
    faulthandler.enable(file=descriptor, all_threads=True)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=descriptor, all_threads=True)


def is_kept() -> bool:
    """Whether what this process prints goes to a log, so that what would disturb a screen can be written down."""
    return _log is not None and not _log.is_screen


def note(*lines: str) -> None:
    """Add lines of qtui's own to the log of this process, if what it prints goes to one."""
    write(_bytes(*lines))


def write(data: bytes) -> None:
    """Add to the log of this process, if what it prints goes to one. On a full disk it is left out."""
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
    note(*_described(lambda header: [header.gpus(asks_tools=True)]))


def _described(lines: Callable[[Any], list[str]]) -> list[str]:
    """What the module `header` has to say. No process fails because its machine cannot be described."""
    try:
        from qtui.processes import header

        return lines(header)
    except Exception as error:
        return [f"this machine could not be described ({type(error).__name__}: {error})"]


def _title(what: str) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S %z')} qtui {__version__}: {what}, process {os.getpid()}"


def _how_to_ask() -> str:
    return f"`kill -USR1 {os.getpid()}` writes here where every thread of this process is"


def _bytes(*lines: str) -> bytes:
    return "".join(f"{MARK}{part}\n" for line in lines for part in line.splitlines()).encode(errors="replace")
