"""The process that answers: one per variant, started as `python -m qtui.engines.worker`, speaking `protocol` on stdin and stdout.

A process of its own because native code may abort, leak or be killed for its memory, and because only the end of a process
gives a GPU back. It dies with the runner that started it: nobody would read its answers.
"""

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, TypeVar

import msgspec

from qtui.engines import planning, weights
from qtui.engines.available import INSTALL
from qtui.engines.planning import Plan
from qtui.engines.protocol import (
    Engine,
    Failed,
    Finished,
    FromWorker,
    Job,
    Loaded,
    Loading,
    Request,
    Wanted,
    decode_from_runner,
    encode,
)
from qtui.errors import UserError

_PR_SET_PDEATHSIG = 1

_Message = TypeVar("_Message", Job, Wanted)


def main() -> int:
    _die_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl+C on the terminal is for the runner, which then ends its workers
    # Threads that wait for each other by spinning fall apart on a machine that does anything else: measured, a factor of ten.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    say = _protocol_on_real_stdout()
    asked = sys.stdin.buffer
    try:
        _work(asked, say)
    except BrokenPipeError:
        return 1
    except Exception as error:
        say(Failed(_reason(error)))
        return 1
    return 0


def _work(asked: BinaryIO, say: Callable[[FromWorker], None]) -> None:
    job = _read(asked, Job)
    plan = planning.plan(job, say)
    say(plan.planned)
    wanted = _read(asked, Wanted).indices
    _die_at_end_of(asked)
    if not wanted:
        say(Finished({}))
        return
    requests = [
        Request(index, plan.prompts[index], job.sampling.for_sample(job.items[index].sample)) for index in wanted
    ]
    engine = _engine(job, plan, say)
    say(Loading("loading weights"))
    say(Loaded(engine.load(requests, say)))
    for answered in engine.answer(requests):
        say(answered)
    say(Finished(engine.facts()))


def _engine(job: Job, plan: Plan, say: Callable[[FromWorker], None]) -> Engine:
    variant, path = job.variant, plan.path
    if variant.engine == "openai" or path is None:
        from qtui.engines.openai import OpenAIEngine

        return OpenAIEngine(variant)
    if variant.engine == "transformers":
        from qtui.engines.transformers import TransformersEngine

        return TransformersEngine(variant, path)
    from qtui.engines.llama_cpp import LlamaCppEngine

    if path.is_dir():
        path = weights.made_gguf(path, plan.fingerprint, variant.precision, plan.engine_version, say)
    return LlamaCppEngine(variant, path)


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


def _read(asked: BinaryIO, kind: type[_Message]) -> _Message:
    line = asked.readline()
    if not line:
        sys.exit(1)  # the runner is gone
    try:
        message = decode_from_runner(line)
    except msgspec.MsgspecError as error:
        raise UserError(f"the runner sent what is no message: {error}") from None
    if not isinstance(message, kind):
        raise UserError(f"the runner sent {type(message).__name__} where {kind.__name__} was due")
    return message


def _protocol_on_real_stdout() -> Callable[[FromWorker], None]:
    """Keep stdout for the protocol alone: whatever prints to it from here on, native code too, goes to stderr, the log."""
    real = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lock = threading.Lock()

    def say(message: FromWorker) -> None:
        data = memoryview(encode(message))
        with lock:
            while data:
                data = data[os.write(real, data) :]

    return say


def _die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends. On other systems the end of stdin has to do."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def _die_at_end_of(asked: BinaryIO) -> None:
    """The runner holds this pipe open while it wants answers; when it closes, however that came, there is nobody left."""

    def watch() -> None:
        # Not through the buffered file: a thread that waits in it holds a lock that the end of the process needs.
        while os.read(asked.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="runner-watch").start()


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # what native libraries do at an orderly exit is of no use, and sometimes a crash
