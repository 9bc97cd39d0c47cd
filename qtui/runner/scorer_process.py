"""The process of a run's scorers, seen from the runner: started when the first answer is scored, killed when a scorer hangs.

All scorers of a run share one, because each would load its libraries again into memory that the model needs.
"""

import asyncio
import contextlib
from typing import Self

import msgspec

from qtui import paths
from qtui.files import private_files
from qtui.processes import child_process
from qtui.processes.log import rotate_if_large
from qtui.records import Score, ScorerSpec
from qtui.scorers import Question, kinds
from qtui.scorers.process import Asked, Scored

SECONDS_PER_ANSWER = 20.0
SECONDS_TO_LOAD = 180.0
"""Loading libraries may take long on a machine on which models run."""
TRIES = 2
"""Processes that an answer may end: one that is killed by a person or for memory is not the answer's fault, a second one is."""
LONGEST_LINE = 256 * 1024 * 1024


class ScorerFailedError(Exception):
    """The scorer can score nothing more; the message says why."""


class ScorerProcess:
    """An async context that scores answers, one at a time."""

    def __init__(self, seconds_per_answer: float = SECONDS_PER_ANSWER) -> None:
        self._seconds = seconds_per_answer
        self._process: asyncio.subprocess.Process | None = None
        self._loaded: set[str] = set()
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def score(self, spec: ScorerSpec, question: Question) -> Score:
        """Return the score, *unscored* if it took too long or its process died. Raises ScorerFailedError."""
        async with self._turn:
            for _ in range(TRIES):
                if self._process is None or spec.kind not in self._loaded:
                    await self._load(spec)
                seconds = _seconds_allowed(spec, self._seconds)
                try:
                    reply = await self._ask(Asked(spec, question), seconds)
                except TimeoutError:
                    return Score(None, f"scoring this answer took more than {seconds:g} s and was stopped")
                if reply is None:
                    continue
                if reply.failure:
                    raise ScorerFailedError(reply.failure)
                return reply.score
            return Score(None, f"the process of the scorers ended {TRIES} times on this answer")

    async def _load(self, spec: ScorerSpec) -> None:
        reply: Scored | None = None
        for _ in range(TRIES):
            if self._process is None:
                await self._start()
            try:
                reply = await self._ask(Asked(spec), SECONDS_TO_LOAD)
            except TimeoutError:
                break
            if reply is not None:
                break
        if reply is None or reply.failure:
            why = reply.failure if reply else "the process of the scorers did not start"
            raise ScorerFailedError(f"{why}. The log is {paths.logs() / 'scorers.log'}")
        self._loaded.add(spec.kind)

    async def _start(self) -> None:
        rotate_if_large(paths.logs() / "scorers.log")
        with private_files.open_private_log(paths.logs() / "scorers.log") as log:
            self._process = await asyncio.create_subprocess_exec(
                *child_process.command("qtui.scorers.process"),
                env=child_process.environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LONGEST_LINE,
            )
        self._loaded = set()

    async def _ask(self, message: Asked, seconds: float) -> Scored | None:
        """Return the reply; None if the process died. Raises TimeoutError. Without a reply the process is ended."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        line = b""
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                async with asyncio.timeout(seconds):
                    process.stdin.write(msgspec.json.encode(message) + b"\n")
                    await process.stdin.drain()
                    line = await process.stdout.readline()
        finally:
            if not line.endswith(b"\n"):
                await self._stop()
        return msgspec.json.decode(line, type=Scored) if line.endswith(b"\n") else None

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _seconds_allowed(spec: ScorerSpec, seconds: float) -> float:
    """Return how long one score may take: a sandbox has its own limit, and time to start and end besides."""
    return float(kinds.complete_settings(spec)["timeout"]) + 3 * seconds if spec.kind == "code" else seconds
