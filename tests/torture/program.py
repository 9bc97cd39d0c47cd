"""A qtui that a person started: in a terminal of its own (a pseudo-terminal that can be closed) or in a pipeline."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence

from tests.torture.work import Folder

ROWS, COLUMNS = 24, 80
_IN_TERMINAL = ("setsid", "--ctty")
"""Runs a program in a session of its own, whose terminal is its stdin."""


class Program:
    """`qtui ARGUMENTS` with the store and the environment of a round."""

    def __init__(self, arguments: Sequence[str], folder: Folder, *, in_terminal: bool) -> None:
        self._output: list[bytes] = []
        self._closes = threading.Event()
        ours, theirs = os.openpty() if in_terminal else os.pipe()
        if in_terminal:
            termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
        self._process = subprocess.Popen(
            [
                *(_IN_TERMINAL if in_terminal else ()),
                sys.executable,
                "-m",
                "qtui",
                "--store",
                str(folder.store),
                *arguments,
            ],
            env=folder.environment(),
            stdin=theirs if in_terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._reading = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reading.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def printed(self) -> str:
        """What it has printed, once it has ended."""
        self._reading.join(timeout=5)
        return b"".join(self._output).decode(errors="replace")

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def close_terminal(self) -> None:
        """The terminal is gone, as when its window is closed: its session gets SIGHUP. A pipe has no reader any more."""
        self._closes.set()
        self._reading.join()

    def _read(self, ours: int) -> None:
        with contextlib.suppress(OSError):  # a terminal that no process has open any more is an error
            while not self._closes.is_set():
                if select.select([ours], [], [], 0.05)[0]:
                    data = os.read(ours, 65536)
                    if not data:
                        break
                    self._output.append(data)
        os.close(ours)
