"""A closed terminal, `timeout` or a scheduler end a command in good order: what it started ends with it.

A process that only starts cannot end in good order yet. So its parent holds requests to stop back, and the process takes them when
it can.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_REQUESTS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Start a process in this block for which SIGTERM and SIGINT wait until it calls `take`. Those to this process wait, too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _REQUESTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take() -> None:
    """Take the SIGTERM and SIGINT that were held back. Call it on the main thread when both have handlers."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _REQUESTS)


@contextmanager
def exit_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit, so that what the block has started is ended, as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    numbers = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
