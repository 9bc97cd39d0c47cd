"""A worker as the runner starts it, over real pipes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from qtui.engines.protocol.answering import FromWorker, Job, MissingItems, Planned, decode_from_worker, encode


class WorkerProcess:
    def __init__(self, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qtui.engines.processes.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()

    def say(self, message: Job | MissingItems) -> None:
        self.stdin.write(encode(message))
        self.stdin.flush()

    def messages(self) -> Iterator[FromWorker]:
        """Until the worker closes its stdout. Anything that is no message raises."""
        for line in self.stdout:
            yield decode_from_worker(line)

    def run(self, job: Job, indices: list[int] | None = None) -> list[FromWorker]:
        """All that a worker says to one job; by default all its answers are wanted."""
        self.say(job)
        heard = []
        for message in self.messages():
            heard.append(message)
            if isinstance(message, Planned):
                self.say(MissingItems(list(range(len(job.items))) if indices is None else indices))
        self.process.wait()
        return heard
