"""What every child process of an engine lives by: its parent, its streams, its log, its last words.

A process of its own because native code may abort, leak or be killed for its memory, and because only the end of a process
gives a GPU back. It dies with the process that started it: nobody would read what it says.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, NoReturn, TypeVar

import msgspec
import psutil

from qtui.engines.available import INSTALL
from qtui.engines.device.memory import address_space, memory
from qtui.engines.protocol.answering import Failed, encode
from qtui.errors import UserError
from qtui.processes import log, log_end, parent
from qtui.processes.header import gib
from qtui.secrets import redaction

SMALLER = "use fewer slots, a smaller context or smaller weights"

Say = Callable[[msgspec.Struct], None]
_Message = TypeVar("_Message", bound=msgspec.Struct)


def run(work: Callable[[BinaryIO, Say], None]) -> NoReturn:
    """Do the work, with stdin to read messages from and a function that says one on stdout, then end the process.

    What `work` raises is said as `Failed`, with the traceback in the log unless a user caused it. Exit code 0, or 1 if it failed.
    """
    with redaction.guarded_streams():
        log.begin(_module())
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


def _module() -> str:
    """As in `python -m qtui.engines.processes.worker`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else sys.argv[0]


def _status_of(work: Callable[[BinaryIO, Say], None]) -> int:
    parent.die_with_parent()
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
    """For the user. What is no user's doing leaves its traceback in the log.

    Under a limit on addresses any call may fail, with any message: so where it is nearly reached, it is named too.
    """
    if not isinstance(error, UserError):
        traceback.print_exc()
    # Torch's own OutOfMemoryError cannot be imported here, and llama.cpp's reasons come as texts.
    lacks_memory = isinstance(error, MemoryError) or log_end.lacks_memory(f"{type(error).__name__}: {error}")
    limit = _address_space_in_words(lacks_memory=lacks_memory)
    if isinstance(error, UserError):
        reason = str(error)
    elif lacks_memory:
        return _out_of_memory(error, limit)
    elif isinstance(error, ImportError):
        reason = f"a package is missing or broken ({error}): {INSTALL}"
    else:
        reason = f"{type(error).__name__}: {error} (the log has details)"
    return f"{reason}; {limit}" if limit else reason


def _out_of_memory(error: Exception, limit: str) -> str:
    """With what the library said, and what this process had."""
    said = str(error).strip().partition("\n")[0]
    if log_end.lacks_gpu_memory(f"{type(error).__name__}: {said}"):
        return f"out of GPU memory: {said or 'the GPU is full'}; {SMALLER}"
    had = f"this process had {gib(psutil.Process().memory_info().rss)} and {gib(memory().free)} were free"
    return f"out of memory{f': {said}' if said else ''}; {limit or had}; {SMALLER}"


def _address_space_in_words(*, lacks_memory: bool) -> str:
    """Empty where it has no limit, or has not nearly reached it and nothing else says that memory was short."""
    space = address_space()
    if space is None or not (lacks_memory or space.is_nearly_used):
        return ""
    limit = f"the address space of this process is limited to {gib(space.limit)} (`ulimit -v`)"
    return limit if lacks_memory else f"{limit} and it had used {gib(space.most)}: it may have run out of memory"


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
