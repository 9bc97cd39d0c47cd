"""Running the self test in a child process, and keeping its outcomes by library, processor and GPU."""

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
from qtui.engines.self_test.messages import Begun, CaseName, DeviceFacts, Devices, Outcome, Wanted
from qtui.engines.weights.fingerprint import write_atomically
from qtui.processes import child_process, log_end

Library = Literal["ggml", "torch"]

SECONDS = 300.0
"""The longest time between two lines of the child. A card whose code is compiled at first use takes minutes."""
MOST_STARTS = 40
FILE_VERSION = 2
FAULTS_OF_A_LIBRARY = frozenset((signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT))
"""Ends of the child that are the library's doing. Any other end (killed, no memory, a package that is missing) is an accident: it is
tried once more, and never kept."""


@dataclass(slots=True)
class Test:
    """What is known of one library on this machine.

    `broken` is why it cannot be loaded at all; empty where it can. `untested` is why the test itself could not run this time: nothing
    is known then, and nothing is kept.
    """

    devices: list[DeviceFacts] = field(default_factory=list)
    report: dict[str, str] = field(default_factory=dict)
    outcomes: dict[CaseName, Outcome] = field(default_factory=dict)
    broken: str = ""
    untested: str = ""

    def faults(self, types: Sequence[str], device: str, buffer: str | None = None) -> list[Outcome]:
        """The products of these types on a device (and in a buffer) that are wrong, or crashed."""
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
    """The outcomes for these types: those that are kept under `identity`, and new ones for what was never tried.

    `report` is told when a test begins, which takes seconds. Never raises because of what a library does.
    """
    known = kept(identity)
    missing = [] if known.broken else _missing(known, types, experts)
    if known.broken or (known.devices and not missing):
        return known
    report(f"testing {library} on this machine")
    _run(library, known, Wanted(list(types), experts, list(known.outcomes)))
    _keep(identity, known)
    return known


def kept(identity: str) -> Test:
    """What earlier tests of this library on this machine found."""
    entry = _read().get(identity)
    try:
        found = msgspec.convert(entry or {}, _Entry)
    except msgspec.ValidationError:
        return Test()
    return Test(found.devices, found.report, {outcome.case: outcome for outcome in found.outcomes}, found.broken)


def forget(identity: str) -> None:
    """Drop the outcomes of a library on this machine, so that everything is tested again."""
    entries = _read()
    if entries.pop(identity, None) is not None:
        _write(entries)


class _Entry(msgspec.Struct):
    devices: list[DeviceFacts] = []
    report: dict[str, str] = {}
    outcomes: list[Outcome] = []
    broken: str = ""


def _missing(known: Test, types: Sequence[str], experts: bool) -> list[CaseName]:
    from qtui.engines.self_test.run_ggml import cases

    return [case for case in cases(Wanted(list(types), experts), known.devices) if case not in known.outcomes]


def _run(library: Library, known: Test, wanted: Wanted) -> None:
    """Start the child until it has gone through all cases, each time without those that ended it."""
    accidents: set[CaseName | None] = set()
    for _ in range(MOST_STARTS):
        with _child(library) as child:
            begun = _listen(child, wanted, known)
            code = child.process.returncode
            if begun is None and code == 0:
                return
            reason = child.reason()
        is_fault = -code in FAULTS_OF_A_LIBRARY
        if not (is_fault or child.is_overdue or begun in accidents):
            accidents.add(begun)
        elif begun is None and is_fault:
            known.broken = reason
            return
        elif begun is None:
            known.untested = reason
            return
        else:
            known.outcomes[begun] = Outcome(begun, "crashed" if is_fault else "untested", None, reason)
        wanted = msgspec.structs.replace(wanted, skipped=list(known.outcomes))
    known.untested = f"it ended in {MOST_STARTS} of {MOST_STARTS} tries"


def _listen(child: "_Child", wanted: Wanted, known: Test) -> CaseName | None:
    """Record the child's messages until it ends. Returns the case that it was at, if it ended in one."""
    stdin = child.process.stdin
    assert stdin is not None
    begun: CaseName | None = None
    try:
        stdin.write(msgspec.json.encode(wanted) + b"\n")
        stdin.close()
    except BrokenPipeError:
        pass
    for line in _lines(child):
        try:
            message = messages.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(message, Devices):
            known.devices, known.report = message.devices, message.report
        elif isinstance(message, Begun):
            begun = message.case
        else:
            known.outcomes[message.case] = message
            begun = None
    child.process.wait()
    return begun


def _lines(child: "_Child") -> Iterator[bytes]:
    """The child's lines; one that says nothing for too long is killed."""
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
    """Whether it was killed because it gave no product in time."""

    def reason(self) -> str:
        """Why it ended, after it has, with the line of its output that names a cause."""
        code = self.process.returncode
        self.stderr.seek(0)
        text = self.stderr.read().decode("utf-8", errors="replace")
        if not sys.stderr.isatty():
            sys.stderr.write(text)  # the log of the process that asks, where the trace of a crash belongs
        cause = log_end.last_line(text)
        if self.is_overdue:
            reason = f"it gave no product within {SECONDS:.0f} s"
        elif -code in FAULTS_OF_A_LIBRARY:
            reason = f"it crashed ({_signal_name(-code)})"
        elif code < 0:
            reason = f"it was ended by {_signal_name(-code)}"
        else:
            reason = f"it ended with status {code}"
        return f"{reason}: {cause}" if cause else reason


@contextmanager
def _child(library: Library) -> Iterator[_Child]:
    with tempfile.TemporaryFile() as stderr:
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
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_known = isinstance(found, dict) and found.get("version") == FILE_VERSION
    entries = found.get("outcomes") if is_known else None
    return entries if isinstance(entries, dict) else {}


def _keep(identity: str, known: Test) -> None:
    """Keep what says something of the library. What could not be tested is tried again the next time."""
    if known.untested:
        return
    outcomes = [outcome for outcome in known.outcomes.values() if not _is_accident(outcome)]
    entry = _Entry(known.devices, known.report, outcomes, known.broken)
    # Read again: another worker may have written meanwhile.
    _write({**_read(), identity: msgspec.to_builtins(entry)})


def _is_accident(outcome: Outcome) -> bool:
    """Whether the next test may end in another way: another program may have taken all memory, on the GPU too."""
    return outcome.state == "untested" or (outcome.state == "unusable" and log_end.lacks_memory(outcome.reason))


def _write(entries: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # without a cache the test is made again
        write_atomically(_file(), json.dumps({"version": FILE_VERSION, "outcomes": entries}, indent=1).encode())
