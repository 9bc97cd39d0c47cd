"""A worker process seen from the runner: a child that reads and writes lines and may die at any moment."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import msgspec

from qtui.engines.protocol.answering import FromWorker, decode_from_worker, encode
from qtui.files import private_files
from qtui.processes import child_process, log_end
from qtui.processes.end import End, MemoryUse, Subject, in_words
from qtui.processes.log import MARK, bound, heading
from qtui.runner.memory_watch import MemoryWatch

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
    says in the log what the process is for, `keys` which secrets it gets.
    """

    def __init__(
        self,
        log: Path,
        module: str = "qtui.engines.processes.worker",
        title: str = "",
        keys: child_process.Keys = child_process.keys_of_hub,
    ) -> None:
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
                log.write(f"{MARK}{heading(self._title)}\n".encode(errors="replace"))
                log.flush()
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
        self._watching = [asyncio.create_task(watch) for watch in (self._memory.watch(), self._bound_log())]
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
                yield line

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

    async def kill_with_stacks(self) -> None:
        """Have the process write the stacks of its threads into its log, if it still can, and kill it."""
        self._signal(signal.SIGUSR1)
        await asyncio.sleep(STACKS_SECONDS)
        self._signal(signal.SIGKILL)

    async def describe_hang(self, found: str) -> str:
        """Describe for the user that the process hung and was killed; `found` shows that. The text is added to the log."""
        await self.process.wait()
        words = (
            f"The worker hung while {self.activity}: {found}, and was killed. Its log, with the stacks of its threads: {self._log}."
            " `worker_patience` in config.toml says how long qtui waits."
        )
        self._add_to_log(words)
        return words

    async def describe_end(self) -> str:
        """Describe for the user why a process ended without sending Finished or Failed. The text is also added to the log."""
        code = await self.process.wait()
        memory = self._memory.at_end() if self._memory else MemoryUse()
        end = End(code, self.activity, self._log, log_end.written_since(self._log, self._log_start), memory)
        words = in_words(SUBJECTS.get(self._module, Subject("the process")), end)
        self._add_to_log(words)
        return words

    def _add_to_log(self, words: str) -> None:
        """Add a sentence to the log: a process that was killed could not write anything itself."""
        with contextlib.suppress(OSError), private_files.open_private_log(self._log) as log:
            log.write(f"{MARK}{time.strftime('%Y-%m-%d %H:%M:%S %z')} {words}\n".encode(errors="replace"))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
