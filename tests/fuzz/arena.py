"""Reading inputs in child processes: what became of each, also where the process hangs, dies or grows without end."""

import json
import os
import re
import resource
import select
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import psutil

from qtui.errors import UserError

FINE, SENTENCE, TRACEBACK, DEFECT, HANG, CRASH = "fine", "sentence", "traceback", "defect", "hang", "crash"
FAILED = "failed variant"
"""Native code has ended its process: a worker, whose end the runner puts into words."""
GOOD = (FINE, SENTENCE, FAILED)
SECONDS = 20.0
"""Of the processor: an input that takes longer hangs."""
WAITING = 15
"""So many times as long may an input wait for something else than the processor."""
POLL_SECONDS = 0.5
MEMORY = 3 << 30
"""Bytes that a child may take more than it had when it began."""
OF_ONE_CHILD = 100
LONGEST = 2000
"""Characters of a message: one sentence per problem, of which a file may have several."""
_NOT_WORDS = re.compile(
    r"object has no attribute|Traceback \(most recent|object is not (?:subscriptable|iterable)|the log has details|defect of qtui"
)
"""What an exception of Python says and no sentence for a user does."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of input. `make` writes one into an empty folder, `read` reads it as qtui does and raises what comes."""

    name: str
    make: Callable[[Random, Path], None]
    read: Callable[[Path], object]
    weight: int = 1
    """How many inputs of this kind there are for one of the others."""
    prepare: Callable[[Path], None] = lambda _: None
    """Called once, with a folder that `make` finds beside its own (`folder.parent / "real"`)."""
    is_risky: bool = False
    """Whether native code reads it: it may abort, which is only a failed variant, as the runner says."""
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: str
    number: int
    result: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], list[Outcome]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> bool:
        """Count an outcome. Return whether it is a finding that there was none of before."""
        self.counts[outcome.kind, outcome.result] += 1
        if outcome.result in GOOD:
            return False
        place = outcome.detail.splitlines()[0] if outcome.detail else ""
        alike = self.findings.setdefault((outcome.kind, outcome.result, place), [])
        alike.append(outcome)
        return len(alike) == 1


def random_of(seed: int, kind: str, number: int) -> Random:
    """The source of chance of one input."""
    return Random(f"{seed} {kind} {number}")


def outcomes(kind: Kind, numbers: range, seed: int, work: Path) -> Iterator[Outcome]:
    """Yield what became of each input. `work` has the folder `real` that the kind prepared."""
    left = list(numbers)
    while left:
        batch, left = left[:OF_ONE_CHILD], left[OF_ONE_CHILD:]
        while batch:
            done = 0
            for outcome in _of_child(kind, batch, seed, work):
                done += 1
                yield outcome
            batch = batch[done:]


def _of_child(kind: Kind, numbers: list[int], seed: int, work: Path) -> Iterator[Outcome]:
    """Read inputs in one child until it is through, or the first that it does not survive."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(kind, numbers, seed, work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        buffer = b""
        for number in numbers:
            patience = _Patience(child, kind.seconds)
            while b"\n" not in buffer:
                ready = select.select([pipe], [], [], POLL_SECONDS)[0]
                if not ready and not patience.is_over():
                    continue
                data = os.read(pipe.fileno(), 65536) if ready else b""
                if not data:
                    yield _lost(kind, number, child, is_slow=not ready)
                    return
                buffer += data
            line, _, buffer = buffer.partition(b"\n")
            result, detail = json.loads(line)
            yield Outcome(kind.name, number, result, detail)
    os.waitpid(child, 0)


class _Patience:
    """How long an input is waited for: by the processor's time, because other work on the machine makes everything slow.

    Of the clock's time only that counts in which the child waits for something else than the processor.
    """

    def __init__(self, child: int, seconds: float) -> None:
        self._process, self._seconds = psutil.Process(child), seconds
        self._used, self._idle = self._processor_time(), 0.0

    def is_over(self) -> bool:
        """Whether the child has had its time; to be asked every `POLL_SECONDS`."""
        if self._process.status() not in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP):
            self._idle += POLL_SECONDS
        return self._processor_time() - self._used > self._seconds or self._idle > self._seconds * WAITING

    def _processor_time(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _lost(kind: Kind, number: int, child: int, *, is_slow: bool) -> Outcome:
    if is_slow:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if is_slow:
        return Outcome(kind.name, number, HANG)
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
    return Outcome(kind.name, number, FAILED if kind.is_risky and os.WIFSIGNALED(status) else CRASH, how)


def _be_child(kind: Kind, numbers: list[int], seed: int, work: Path, report: int) -> NoReturn:
    try:
        used = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        for number in numbers:
            folder = work / f"input-{os.getpid()}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make_only(kind, number, seed, folder)
            result = read(kind, folder)
            os.write(report, json.dumps(result).encode() + b"\n")
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    except BaseException as error:
        os.write(report, json.dumps((DEFECT, f"the fuzzer itself: {_place(error)}")).encode() + b"\n")
        os._exit(3)  # counted once more, as a crash of the next input


def read(kind: Kind, folder: Path) -> tuple[str, str]:
    """Read an input in this process. Return what became of it, with details where that is a finding."""
    try:
        kind.read(folder)
    except UserError as error:
        return fault_of(str(error), folder)
    except Exception as error:
        if kind.is_risky and isinstance(error, MemoryError):
            return SENTENCE, "out of memory"  # a worker says how much there was
        return TRACEBACK, f"{_place(error)}\n{traceback.format_exc()}"
    return FINE, ""


def fault_of(message: str, folder: Path) -> tuple[str, str]:
    """Whether a message is one that a user can read."""
    message = message.replace(str(folder), "F")
    if not message.strip():
        return TRACEBACK, "an empty message"
    if found := _NOT_WORDS.search(message):
        return TRACEBACK, f"Python's own words: {found[0]}\n{message}"
    if any(len(line) > LONGEST for line in message.splitlines()):
        return TRACEBACK, f"a message of more than {LONGEST} characters\n{message}"
    return SENTENCE, message


def _place(error: BaseException) -> str:
    """The exception and the last line of qtui in its traceback, which tell findings apart."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/qtui/" in frame.filename] or frames
    where = f"{own[-1].filename.rpartition('/qtui/')[2]}:{own[-1].lineno}" if own else "?"
    return f"{type(error).__name__} at {where}: {str(error)[:80]!r}"


def make_only(kind: Kind, number: int, seed: int, folder: Path) -> None:
    """Write one input, to look at it."""
    folder.mkdir(parents=True, exist_ok=True)
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # deep inputs are written by functions that call themselves
    try:
        kind.make(random_of(seed, kind.name, number), folder)
    finally:
        sys.setrecursionlimit(usual)


def unused(*_: Any) -> None:
    """Nothing; keeps a value alive that is read only for its effect."""


if sys.platform == "win32":
    raise SystemExit("the fuzzer needs fork")
