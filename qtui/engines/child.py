"""What every child process of an engine lives by: its parent, its streams, its last words.

A process of its own because native code may abort, leak or be killed for its memory, and because only the end of a process
gives a GPU back. It dies with the process that started it: nobody would read what it says.
"""

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, NoReturn, TypeVar

import msgspec

from qtui import redaction
from qtui.engines.available import INSTALL
from qtui.engines.protocol import Failed, encode
from qtui.errors import UserError

_PR_SET_PDEATHSIG = 1

Say = Callable[[msgspec.Struct], None]
_Message = TypeVar("_Message", bound=msgspec.Struct)


def run(work: Callable[[BinaryIO, Say], None]) -> NoReturn:
    """Do the work, with stdin to read messages from and a function that says one on stdout, then end the process.

    What `work` raises is said as `Failed`, with the traceback in the log unless a user caused it. Exit code 0, or 1 if it failed.
    """
    with redaction.guarded_streams():
        status = _status_of(work)
    sys.stderr.flush()
    os._exit(status)  # what native libraries do at an orderly exit is of no use, and sometimes a crash


def read(asked: BinaryIO, kind: type[_Message]) -> _Message:
    """The next message, which is of this kind by the protocol."""
    line = asked.readline()
    if not line:
        sys.exit(1)  # the parent is gone
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise UserError(f"the runner sent no {kind.__name__} where one was due: {error}") from None


def die_at_end_of(asked: BinaryIO) -> None:
    """The parent holds this pipe open while it wants answers; when it closes, however that came, there is nobody left."""

    def watch() -> None:
        # Not through the buffered file: a thread that waits in it holds a lock that the end of the process needs.
        while os.read(asked.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def _status_of(work: Callable[[BinaryIO, Say], None]) -> int:
    die_with_parent()
    # Ctrl+C on the terminal is for the parent, which then ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threads that wait for each other by spinning fall apart on a machine that does anything else: measured, a factor of ten.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    say = _protocol_on_real_stdout()
    try:
        work(sys.stdin.buffer, say)
    except BrokenPipeError:
        return 1
    except Exception as error:
        say(Failed(redaction.redact_message(_reason(error))))
        return 1
    return 0


def _reason(error: Exception) -> str:
    """For the user. What is no user's doing leaves its traceback in the log."""
    if isinstance(error, UserError):
        return str(error)
    traceback.print_exc()
    if isinstance(error, MemoryError):
        return "out of memory: use fewer slots, a smaller context or smaller weights"
    if isinstance(error, ImportError):
        return f"a package is missing or broken ({error}): {INSTALL}"
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which cannot be imported here
        return "out of GPU memory: use fewer slots, a smaller context or smaller weights"
    return f"{type(error).__name__}: {error} (the log has details)"


def _protocol_on_real_stdout() -> Say:
    """Keep stdout for the protocol alone: whatever prints to it from here on, native code too, goes to stderr, the log."""
    real = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lock = threading.Lock()

    def say(message: msgspec.Struct) -> None:
        data = memoryview(encode(message))
        with lock:
            while data:
                data = data[os.write(real, data) :]

    return say


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends. On other systems the end of stdin has to do."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
