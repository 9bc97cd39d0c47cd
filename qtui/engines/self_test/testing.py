"""Runs the self test in a child process, and stores its outcomes by library, processor and GPU."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from qtui import paths
from qtui.engines.self_test import messages
from qtui.engines.self_test.messages import CaseName, CaseStarted, DeviceFacts, Devices, Outcome, SelfTestJob
from qtui.files import private_files
from qtui.processes import child_process, log_end

Library = Literal["ggml", "torch"]

SECONDS = 300.0
"""Timeout between two lines of the child. GPUs whose code is compiled at first use take minutes."""
MOST_STARTS = 40
FILE_VERSION = 2
FAULTS_OF_A_LIBRARY = frozenset((signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT))
"""Signals of the child that are the library's fault. Any other end (killed, out of memory, a missing package) is an accident: the
test runs once more, and the accident is not stored."""


@dataclass(slots=True)
class Test:
    """The results for one library on this machine.

    `broken`: why it cannot be loaded, else empty. `untested`: why the test could not run this time, else empty; such a result is
    incomplete and is not stored.
    """

    devices: list[DeviceFacts] = field(default_factory=list)
    report: dict[str, str] = field(default_factory=dict)
    outcomes: dict[CaseName, Outcome] = field(default_factory=dict)
    broken: str = ""
    untested: str = ""

    def faults(self, types: Sequence[str], device: str, buffer: str | None = None) -> list[Outcome]:
        """Return the outcomes of these types, on a device and optionally in one buffer, that are faults."""
        return [
            outcome
            for case, outcome in self.outcomes.items()
            if case.type in types
            and case.device == device
            and (buffer is None or case.buffer == buffer)
            and outcome.is_fault
        ]


def test(
    library: Library, identity: str, types: Sequence[str], *, experts: bool = False, report: Callable[[str], None]
) -> Test:
    """Return the outcomes for these types. Those stored under `identity` are used, the missing ones are tested now.

    `report` gets a phase when a test begins, which takes seconds. Never raises because of a library's fault.
    """
    tested = stored_outcomes(identity)
    missing = [] if tested.broken else _missing(tested, types, experts)
    if tested.broken or (tested.devices and not missing):
        return tested
    report(f"testing {library} on this machine")
    _run(library, tested, SelfTestJob(list(types), experts, list(tested.outcomes)))
    _store(identity, tested)
    return tested


def stored_outcomes(identity: str) -> Test:
    """Return the stored outcomes of a library on this machine."""
    try:
        entry = msgspec.convert(_read().get(identity) or {}, _Entry)
    except msgspec.ValidationError:
        return Test()
    return Test(entry.devices, entry.report, {outcome.case: outcome for outcome in entry.outcomes}, entry.broken)


def forget(identity: str) -> None:
    """Delete the stored outcomes of a library on this machine, so that it is tested again."""
    entries = _read()
    if entries.pop(identity, None) is not None:
        _write(entries)


class _Entry(msgspec.Struct):
    devices: list[DeviceFacts] = []
    report: dict[str, str] = {}
    outcomes: list[Outcome] = []
    broken: str = ""


def _missing(tested: Test, types: Sequence[str], experts: bool) -> list[CaseName]:
    from qtui.engines.self_test.run_ggml import cases

    return [case for case in cases(SelfTestJob(list(types), experts), tested.devices) if case not in tested.outcomes]


def _run(library: Library, tested: Test, job: SelfTestJob) -> None:
    """Start the child until all cases are tested, each time without the cases that ended it."""
    accidents: set[CaseName | None] = set()
    for _ in range(MOST_STARTS):
        with _child(library) as child:
            current = _listen(child, job, tested)
            code = child.process.returncode
            if current is None and code == 0:
                return
            reason = child.reason()
        is_fault = -code in FAULTS_OF_A_LIBRARY
        if not (is_fault or child.is_overdue or current in accidents):
            accidents.add(current)
        elif current is None and is_fault:
            tested.broken = reason
            return
        elif current is None:
            tested.untested = reason
            return
        else:
            tested.outcomes[current] = Outcome(current, "crashed" if is_fault else "untested", None, reason)
        job = msgspec.structs.replace(job, skipped=list(tested.outcomes))
    tested.untested = f"it stopped early in {MOST_STARTS} of {MOST_STARTS} attempts"


def _listen(child: "_Child", job: SelfTestJob, tested: Test) -> CaseName | None:
    """Record the child's messages until it ends. Returns the case during which it ended, or None."""
    stdin = child.process.stdin
    assert stdin is not None
    current: CaseName | None = None
    try:
        stdin.write(msgspec.json.encode(job) + b"\n")
        stdin.close()
    except BrokenPipeError:
        pass
    for line in _lines(child):
        try:
            message = messages.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(message, Devices):
            tested.devices, tested.report = message.devices, message.report
        elif isinstance(message, CaseStarted):
            current = message.case
        else:
            tested.outcomes[message.case] = message
            current = None
    child.process.wait()
    return current


def _lines(child: "_Child") -> Iterator[bytes]:
    """Yield the child's lines. A child that sends none for `SECONDS` is killed."""
    stdout = child.process.stdout
    assert stdout is not None
    pending, last = b"", time.monotonic()
    while True:
        ready, _, _ = select.select([stdout], [], [], max(0.0, last + SECONDS - time.monotonic()))
        if not ready:
            child.is_overdue = True
            child.process.kill()
            return
        data = os.read(stdout.fileno(), 1 << 16)
        if not data:
            return
        last = time.monotonic()
        *lines, pending = (pending + data).split(b"\n")
        yield from lines


@dataclass(slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    stderr: IO[bytes]
    is_overdue: bool = False
    """Whether it was killed because it sent no result in time."""

    def reason(self) -> str:
        """Return why the child ended, with the line of its output that names a cause."""
        code = self.process.returncode
        self.stderr.seek(0)
        text = self.stderr.read().decode("utf-8", errors="replace")
        if not sys.stderr.isatty():
            sys.stderr.write(text)  # the parent's log, where the trace of a crash belongs
        cause = log_end.last_line(text)
        if self.is_overdue:
            reason = f"it sent no result within {SECONDS:.0f} s"
        elif -code in FAULTS_OF_A_LIBRARY:
            reason = f"it crashed ({_signal_name(-code)})"
        elif code < 0:
            reason = f"it was stopped by {_signal_name(-code)}"
        else:
            reason = f"it exited with status {code}"
        return f"{reason}: {cause}" if cause else reason


def _scratch() -> IO[bytes]:
    """A file without a name: in memory where the system can, because a full disk says nothing about a library."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("self-test"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def _child(library: Library) -> Iterator[_Child]:
    with _scratch() as stderr:
        process = subprocess.Popen(
            child_process.command(f"qtui.engines.self_test.run_{library}"),
            env=child_process.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            yield _Child(process, stderr)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _file() -> Path:
    return paths.cache() / "self-test.json"


def _read() -> dict[str, Any]:
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_current = isinstance(content, dict) and content.get("version") == FILE_VERSION
    entries = content.get("outcomes") if is_current else None
    return entries if isinstance(entries, dict) else {}


def _store(identity: str, tested: Test) -> None:
    """Store the outcomes that say something about the library. What could not be tested is tested again next time."""
    if tested.untested:
        return
    outcomes = [outcome for outcome in tested.outcomes.values() if not _is_accident(outcome)]
    entry = _Entry(tested.devices, tested.report, outcomes, tested.broken)
    # Read again, because another worker may have written in between.
    _write({**_read(), identity: msgspec.to_builtins(entry)})


def _is_accident(outcome: Outcome) -> bool:
    """Whether the next test may end differently: another program may have used up the memory, also of the GPU."""
    return outcome.state == "untested" or (outcome.state == "unusable" and log_end.lacks_memory(outcome.reason))


def _write(entries: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # without a cache the test runs again next time
        private_files.write_whole(
            _file(), json.dumps({"version": FILE_VERSION, "outcomes": entries}, indent=1).encode()
        )
