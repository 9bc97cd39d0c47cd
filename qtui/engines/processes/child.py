"""The frame of every child process of the engines: its parent, its streams, its log, its error message.

Engines run in child processes because native code may abort, leak memory or be killed for lack of it, and because only the end of a
process frees a GPU. A child dies with the process that started it, because nobody would read its messages.
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

from qtui.device.memory import address_space, memory
from qtui.engines.available import INSTALL
from qtui.engines.protocol.answering import Failed, encode
from qtui.errors import UserError
from qtui.files import disk_errors
from qtui.format import memory_size
from qtui.processes import log, log_end, parent, streams
from qtui.secrets import redaction

SMALLER = "use fewer slots, a smaller context or smaller weights"

Send = Callable[[msgspec.Struct], None]
_Message = TypeVar("_Message", bound=msgspec.Struct)


def run(work: Callable[[BinaryIO, Send], None]) -> NoReturn:
    """Run `work` with stdin, to read messages from, and a function that sends a message on stdout; then end the process.

    An exception in `work` is sent as `Failed`, with its traceback in the log unless it is a UserError. Exit code 0, or 1 on
    failure.
    """
    streams.lose_unwritable("stderr", "stdout")
    with redaction.guarded_streams():
        log.begin(_module())
        status = _exit_status(work)
    sys.stderr.flush()
    os._exit(status)  # the exit handlers of native libraries are of no use and sometimes crash


def read_message(incoming: BinaryIO, kind: type[_Message]) -> _Message:
    """Return the next message, which the protocol says is of this kind. Raises UserError for any other."""
    line = incoming.readline()
    if not line:
        sys.exit(1)  # the parent is gone
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise UserError(f"expected a {kind.__name__} message from the runner: {error}") from None


def die_with_pipe(incoming: BinaryIO) -> None:
    """Kill this process when the pipe closes: the parent keeps it open as long as it needs answers."""

    def watch() -> None:
        # Not through the buffered file: a thread that waits in it holds a lock that the exit of the process needs.
        while os.read(incoming.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def _module() -> str:
    """The module that runs, as in `python -m qtui.engines.processes.worker`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else sys.argv[0]


def _exit_status(work: Callable[[BinaryIO, Send], None]) -> int:
    parent.die_with_parent()
    # Ctrl+C on the terminal is for the parent, which then stops its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threads that spin while they wait are ten times as slow (measured) on a machine that also does other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    send = _open_protocol()
    try:
        work(sys.stdin.buffer, send)
    except BrokenPipeError:
        return 1
    except Exception as error:
        send(Failed(redaction.redact_message(_describe_error(error))))
        return 1
    return 0


def _describe_error(error: Exception) -> str:
    """Return the error as a sentence for the user. Unless it is a UserError, its traceback goes to the log.

    Under an address-space limit any call may fail, with any message. So the limit is named if it is nearly reached.
    """
    if not isinstance(error, UserError):
        traceback.print_exc()
    # Torch's own OutOfMemoryError cannot be imported here, and llama.cpp's reasons come as texts.
    lacks_memory = isinstance(error, MemoryError) or log_end.lacks_memory(f"{type(error).__name__}: {error}")
    limit = _describe_address_space(lacks_memory=lacks_memory)
    if isinstance(error, UserError):
        reason = str(error)
    elif lacks_memory:
        return _describe_lack_of_memory(error, limit)
    elif isinstance(error, ImportError):
        reason = f"a package is missing or broken ({error}): {INSTALL}"
    elif isinstance(error, OSError) and disk_errors.is_of_disk(error):
        reason = disk_errors.describe(error)
    else:
        reason = f"{type(error).__name__}: {error} (the log has details)"
    return f"{reason}; {limit}" if limit else reason


def _describe_lack_of_memory(error: Exception, limit: str) -> str:
    """The reason with the library's message, and with the memory or limit of this process."""
    message = str(error).strip().partition("\n")[0]
    if log_end.lacks_gpu_memory(f"{type(error).__name__}: {message}"):
        return f"out of GPU memory: {message or 'the GPU is full'}; {SMALLER}"
    memory_now = (
        f"this process had {memory_size(psutil.Process().memory_info().rss)} and {memory_size(memory().free)} were free"
    )
    return f"out of memory{f': {message}' if message else ''}; {limit or memory_now}; {SMALLER}"


def _describe_address_space(*, lacks_memory: bool) -> str:
    """The address-space limit as text; empty without a limit, or if neither it is nearly reached nor memory is short."""
    space = address_space()
    if space is None or not (lacks_memory or space.is_nearly_used):
        return ""
    limit = f"the address space of this process is limited to {memory_size(space.limit)} (`ulimit -v`)"
    return (
        limit if lacks_memory else f"{limit} and it had used {memory_size(space.most)}: it may have run out of memory"
    )


def _open_protocol() -> Send:
    """Return a function that sends messages on the real stdout.

    All other output, of native code too, now goes to stderr, the log.
    """
    real = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lock = threading.Lock()

    def send(message: msgspec.Struct) -> None:
        data = memoryview(encode(message))
        with lock:
            while data:
                data = data[os.write(real, data) :]

    return send
