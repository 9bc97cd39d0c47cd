"""A worker as the runner sees it: a child process that reads and writes lines, and may die at any moment in any way."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import msgspec

from qtui import child_process, private_files
from qtui.engines.protocol import FromWorker, decode_from_worker, encode

# An answer of a million characters is one line.
LONGEST_LINE = 64 * 1024 * 1024
TERMINATE_SECONDS = 5.0
LOG_TAIL_LINES = 3

WHY_SIGNALLED = {
    signal.SIGKILL: "was killed (SIGKILL); if nobody did, the machine ran out of memory: try a smaller model or fewer slots",
    signal.SIGSEGV: "crashed in native code (SIGSEGV)",
    signal.SIGABRT: "was aborted by native code (SIGABRT)",
    signal.SIGBUS: "crashed in native code (SIGBUS): was its file cut off while it ran?",
    signal.SIGILL: "used an instruction that this processor lacks (SIGILL): reinstall llama-cpp-python on this machine",
    signal.SIGTERM: "was terminated",
}


class WorkerProcess:
    """Use as an async context: at its end the process is gone. `module` is what it runs."""

    def __init__(self, log: Path, module: str = "qtui.engines.worker") -> None:
        self._log = log
        self._module = module
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with private_files.open_private_log(self._log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *child_process.command(self._module),
                env=child_process.environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LONGEST_LINE,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "used outside its context"
        return self._process

    async def send(self, message: msgspec.Struct) -> None:
        """A worker that is gone already is noticed where its lines are read."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(encode(message))
            await self.process.stdin.drain()

    async def messages(self) -> AsyncIterator[FromWorker]:
        """What a worker that answers says, until it closes its end."""
        async for line in self.lines():
            yield decode_from_worker(line)

    async def lines(self) -> AsyncIterator[bytes]:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            yield line

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Ask, wait, kill. Returns when the process is gone."""
        if self.process.returncode is None:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            try:
                await asyncio.wait_for(self.process.wait(), TERMINATE_SECONDS)
            except TimeoutError:
                self._signal(signal.SIGKILL)
        await self.process.wait()

    async def how_it_ended(self) -> str:
        """Why a worker that said neither Finished nor Failed is gone, for the user."""
        code = await self.process.wait()
        if code < 0:
            try:
                why = WHY_SIGNALLED.get(signal.Signals(-code), f"was ended by {signal.Signals(-code).name}")
            except ValueError:
                why = f"was ended by signal {-code}"
        else:
            why = f"ended with status {code} without a word"
        tail = " | ".join(_last_lines(self._log))
        return f"the worker {why}. Log: {self._log}" + (f" (ends: {tail})" if tail else "")

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as log:
            return [line.strip() for line in deque(log, LOG_TAIL_LINES) if line.strip()]
    except OSError:
        return []
