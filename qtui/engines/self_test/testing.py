"""Running the self test in a child process, and keeping its outcomes by library, processor and GPU."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from qtui import paths
from qtui.engines.self_test import messages
from qtui.engines.self_test.messages import Begun, CaseName, DeviceFacts, Devices, Outcome, Wanted
from qtui.engines.weights.fingerprint import write_atomically
from qtui.processes import child_process

Library = Literal["ggml", "torch"]

SECONDS = 300.0
"""The longest time between two lines of the child. A card whose code is compiled at first use takes minutes."""
MOST_CRASHES = 40
FILE_VERSION = 1


@dataclass(slots=True)
class Test:
    """What is known of one library on this machine. `broken` is why it cannot be loaded at all; empty where it can."""

    devices: list[DeviceFacts] = field(default_factory=list)
    report: dict[str, str] = field(default_factory=dict)
    outcomes: dict[CaseName, Outcome] = field(default_factory=dict)
    broken: str = ""

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


class _Entry(msgspec.Struct):
    devices: list[DeviceFacts] = []
    report: dict[str, str] = {}
    outcomes: list[Outcome] = []
    broken: str = ""


def _missing(known: Test, types: Sequence[str], experts: bool) -> list[CaseName]:
    from qtui.engines.self_test.run_ggml import cases

    return [case for case in cases(Wanted(list(types), experts), known.devices) if case not in known.outcomes]


def _run(library: Library, known: Test, wanted: Wanted) -> None:
    """Until the child has gone through all cases; one that crashes is started again without the case that it crashed
    in."""
    for _ in range(MOST_CRASHES):
        with _child(library) as child:
            begun = _listen(child, wanted, known)
            if begun is None and child.returncode == 0:
                return
            why = _why(child)
        if begun is None:
            known.broken = why
            return
        known.outcomes[begun] = Outcome(begun, "crashed", None, why)
        wanted = msgspec.structs.replace(wanted, skipped=list(known.outcomes))


def _listen(child: "subprocess.Popen[bytes]", wanted: Wanted, known: Test) -> CaseName | None:
    """Take in what the child says until it ends. The case that it was at, if it ended in one."""
    assert child.stdin is not None
    begun: CaseName | None = None
    try:
        child.stdin.write(msgspec.json.encode(wanted) + b"\n")
        child.stdin.close()
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
    child.wait()
    return begun


def _lines(child: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """The child's lines; one that says nothing for too long is killed."""
    assert child.stdout is not None
    pending, last = b"", time.monotonic()
    while True:
        ready, _, _ = select.select([child.stdout], [], [], max(0.0, last + SECONDS - time.monotonic()))
        if not ready:
            child.kill()
            return
        data = os.read(child.stdout.fileno(), 1 << 16)
        if not data:
            return
        last = time.monotonic()
        *lines, pending = (pending + data).split(b"\n")
        yield from lines


@contextmanager
def _child(library: Library) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        child_process.command(f"qtui.engines.self_test.run_{library}"),
        env=child_process.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Of the process that asks: its log, where the trace of a crash belongs.
        stderr=None,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _why(child: "subprocess.Popen[bytes]") -> str:
    code = child.returncode
    if code == -signal.SIGKILL:
        return f"it was killed, or gave no product within {SECONDS:.0f} s"
    if code < 0:
        return f"it crashed ({_signal_name(-code)})"
    return f"it ended with status {code}"


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
    entry = _Entry(known.devices, known.report, list(known.outcomes.values()), known.broken)
    # Read again: another worker may have written meanwhile.
    entries = {**_read(), identity: msgspec.to_builtins(entry)}
    with contextlib.suppress(OSError):  # without a cache the test is made again
        write_atomically(_file(), json.dumps({"version": FILE_VERSION, "outcomes": entries}, indent=1).encode())
