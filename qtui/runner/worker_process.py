"""A worker process seen from the runner: a child that reads and writes lines, and may die or hang at any moment.

One that hangs is killed, so that its reader goes on: `qtui.runner.progress_watch` says when, `describe_end` what was seen.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from qtui.engines.protocol.answering import FromWorker, decode_from_worker, encode
from qtui.files import private_files
from qtui.processes import child_process, log_end
from qtui.processes.end import End, MemoryUse, Subject, in_words
from qtui.processes.log import MARK, bound, heading
from qtui.runner.control import Control
from qtui.runner.memory_watch import MemoryWatch
from qtui.runner.progress_watch import Patience, ProgressWatch, patience_of_user

# An answer of a million characters is one line.
LONGEST_LINE = 64 * 1024 * 1024
TERMINATE_SECONDS = 5.0
BOUND_SECONDS = 1.0
"""How often the size of the log is looked at."""
STACKS_SECONDS = 1.0
"""Until a process that hangs has written its stacks."""

SUBJECTS = {
    "qtui.engines.processes.worker": Subject("the worker", "Use a smaller model, fewer slots or a smaller context."),
    "qtui.engines.processes.quantization_source": Subject("the process that prepares the source"),
    "qtui.engines.processes.quantization_type": Subject("the quantizing process"),
    "qtui.engines.processes.benchmark": Subject("the measuring process"),
    "qtui.engines.processes.divergence": Subject("the comparing process"),
}
"""For each module: what messages call its process, and the advice if it runs out of memory."""


class WorkerProcess:
    """An async context that starts `module` as a process and ends it on exit.

    `activity` is what the process is doing, for the message if it dies. The code that reads its lines keeps it up to date. `title`
    says in the log what the process is for, `keys` which secrets it gets; `patience` how long it may be silent (None: what the
    user has set) unless `control` has paused it.
    """

    def __init__(
        self,
        log: Path,
        module: str = "qtui.engines.processes.worker",
        title: str = "",
        keys: child_process.Keys = child_process.keys_of_hub,
        *,
        patience: Patience | None = None,
        control: Control | None = None,
    ) -> None:
        self.hung = ""
        """What showed that the process hangs, before it was killed; empty if it did not."""
        self._patience = patience or patience_of_user()
        self._control = control or Control()
        self._progress: ProgressWatch | None = None
        self.activity = "starting"
        self._log = log
        self._log_start = 0
        self._module = module
        self._title = title
        self._keys = keys
        self._process: asyncio.subprocess.Process | None = None
        self._memory: MemoryWatch | None = None
        self._watching: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        bound(self._log)
        with private_files.open_private_log(self._log) as log:
            if self._title:
                _head(log, self._title)
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *child_process.command(self._module),
                env=child_process.environment(keys=self._keys),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LONGEST_LINE,
            )
        self._memory = MemoryWatch(self.process.pid)
        self._progress = ProgressWatch(self.process.pid, self._patience, self._control)
        watches = (self._memory.watch(), self._bound_log(), self._kill_when_it_hangs(self._progress))
        self._watching = [asyncio.create_task(watch) for watch in watches]
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watching:
            watch.cancel()
        await self.stop()

    async def _bound_log(self) -> None:
        """Keep the log to its size, and know where this process's part of it begins. A read takes a moment, so a thread does it."""
        while True:
            await asyncio.sleep(BOUND_SECONDS)
            if cut := await asyncio.to_thread(bound, self._log):
                self._log_start = cut.moved(self._log_start)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "used outside its context"
        return self._process

    async def send(self, message: msgspec.Struct) -> None:
        """Send a message. A worker that has died raises nothing here: the reader of its lines notices it."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(encode(message))
            await self.process.stdin.drain()

    async def messages(self) -> AsyncIterator[FromWorker]:
        """The messages of an answering worker, until it closes its stdout."""
        async for line in self.lines():
            yield decode_from_worker(line)

    async def lines(self) -> AsyncIterator[bytes]:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):  # a process that dies while writing leaves an incomplete line
                self.heard()
                yield line

    def heard(self, weights_bytes: int | None = None) -> None:
        """Note that the process is alive; it has more time for weights of so many bytes."""
        if self._progress is not None:
            self._progress.heard(weights_bytes or 0)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Send SIGTERM, wait, send SIGKILL. Returns when the process has ended."""
        if self.process.returncode is None:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            try:
                await asyncio.wait_for(self.process.wait(), TERMINATE_SECONDS)
            except TimeoutError:
                self._signal(signal.SIGKILL)
        await self.process.wait()

    async def _kill_when_it_hangs(self, watch: ProgressWatch) -> None:
        """Have a process that hangs write the stacks of its threads into its log, if it still can, and kill it.

        Its output closes then, which ends the reading of its lines.
        """
        self.hung = await watch.hangs()
        self._signal(signal.SIGUSR1)
        await asyncio.sleep(STACKS_SECONDS)
        self._signal(signal.SIGKILL)

    async def describe_end(self) -> str:
        """Describe for the user why a process ended without sending Finished or Failed. The text is also added to the log."""
        code = await self.process.wait()
        words = self._hang_in_words() if self.hung else self._end_in_words(code)
        self._add_to_log(words)
        return words

    def _hang_in_words(self) -> str:
        name = self._subject.name
        return (
            f"{name[:1].upper()}{name[1:]} hung while {self.activity}: {self.hung}, and was killed. Its log, with the stacks of "
            f"its threads: {self._log}. `worker_patience` in config.toml says how long qtui waits."
        )

    def _end_in_words(self, code: int) -> str:
        memory = self._memory.at_end() if self._memory else MemoryUse()
        end = End(code, self.activity, self._log, log_end.written_since(self._log, self._log_start), memory)
        return in_words(self._subject, end)

    @property
    def _subject(self) -> Subject:
        return SUBJECTS.get(self._module, Subject("the process"))

    def _add_to_log(self, words: str) -> None:
        """Add a sentence to the log: a process that was killed could not write anything itself."""
        with contextlib.suppress(OSError), private_files.open_private_log(self._log) as log:
            log.write(f"{MARK}{time.strftime('%Y-%m-%d %H:%M:%S %z')} {words}\n".encode(errors="replace"))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


def _head(log: BinaryIO, title: str) -> None:
    """Begin the log of a process. On a full disk the log is lost, as what the process would write into it, and the work goes on."""
    with contextlib.suppress(OSError):
        os.write(log.fileno(), f"{MARK}{heading(title)}\n".encode(errors="replace"))
