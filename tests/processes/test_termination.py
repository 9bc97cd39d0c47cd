"""Requests to stop that wait until a process can end in good order. Real processes, real signals."""

import signal
import subprocess
import sys

import pytest

from qtui.processes import termination

CHILD = """
import signal, sys
print("up", flush=True)
sys.stdin.readline()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: print(signal.Signals(number).name, flush=True))
from qtui.processes import termination
termination.take()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_starts_takes_a_request_to_stop_when_it_can(number: signal.Signals) -> None:
    with termination.held_back():
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    child.send_signal(number)
    told, _ = child.communicate("\n")
    assert (child.returncode, told) == (0, f"{number.name}\n")


def test_this_process_takes_what_was_held_back_afterwards() -> None:
    taken: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: taken.append(number))
    try:
        with termination.held_back():
            signal.raise_signal(signal.SIGTERM)
            assert taken == []
        assert taken == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
