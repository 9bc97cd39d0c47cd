"""A program in a pseudo-terminal: how many bytes it writes for a key, how many the changed cells need, and how soon."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any

import pyte

QUIET_SECONDS = 0.5
"""After so long without more output a key is answered."""
NOTHING_SECONDS = 2.0
"""After so long without any output a key has no effect."""
PATIENCE_SECONDS = 120.0
MOVE_BYTES, STYLE_BYTES = 8, 16
"""What placing the cursor and changing the style take: `ESC[12;100H`, `ESC[38;2;1;2;3m`."""


@dataclass(frozen=True)
class Step:
    sent: int
    needed: int


class PseudoTerminal:
    def __init__(self, command: Sequence[str], columns: int, rows: int, environment: Mapping[str, str]) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        colours = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.execvpe(command[0], list(command), {**inherited, **colours, **environment})
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._file)

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not any(text in line for line in self._screen.display):
            if time.monotonic() > end:
                raise TimeoutError(f"{text!r} was not shown within {PATIENCE_SECONDS:.0f} s")
            self._read(QUIET_SECONDS)

    def press(self, key: str) -> Step:
        """Send a key and wait until nothing more is written."""
        before = self._cells()
        os.write(self._file, key.encode())
        select.select([self._file], [], [], NOTHING_SECONDS)
        sent = self._read(QUIET_SECONDS)
        return Step(sent, sum(map(_needed, before, self._cells())))

    def answer_time(self, key: str) -> float:
        """Seconds from a key to the first byte that it makes the program write."""
        self._read(0.05)
        began = time.perf_counter()
        os.write(self._file, key.encode())
        select.select([self._file], [], [], PATIENCE_SECONDS)
        took = time.perf_counter() - began
        self._read(0.05)
        return took

    def _read(self, quiet: float) -> int:
        """Read until nothing was written for so many seconds; the number of bytes."""
        count = 0
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and select.select([self._file], [], [], quiet)[0]:
            data = os.read(self._file, 1 << 20)
            count += len(data)
            self._stream.feed(data)
        return count

    def _cells(self) -> list[list[Any]]:
        return [[self._screen.buffer[y][x] for x in range(self._screen.columns)] for y in range(self._screen.lines)]


def _needed(before: Sequence[Any], after: Sequence[Any]) -> int:
    """Bytes that a plain writer of the changed cells of a line sends: per stretch a move, per style a sequence, and the text."""
    style, count = None, 0
    for is_changed, pairs in groupby(zip(before, after, strict=True), key=lambda pair: pair[0] != pair[1]):
        if is_changed:
            count += MOVE_BYTES
            for _, cell in pairs:
                count += len(cell.data.encode()) + (STYLE_BYTES if cell[1:] != style else 0)
                style = cell[1:]
    return count
