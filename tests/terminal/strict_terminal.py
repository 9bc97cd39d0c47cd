"""A pseudo-terminal that is strict: it keeps every byte that a program writes, and says which of them nobody should have written.

What textual and rich write to draw is known and short: it is in `ALLOWED`. Everything else that a terminal would obey is a finding:
other control characters, operating system commands (titles, clipboards, links), device controls, queries, and characters that hide
or reorder others.
"""

import base64
import os
import re
import select
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pexpect
import pyte

from qtui.text import safe

PATIENCE_SECONDS = 120.0
STILL_SECONDS = 1.0
COLUMNS, ROWS = 140, 44

_MODES = "7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2027|2031|2048"
ALLOWED = (
    re.compile(r"\x1b\[\d*(;\d+)?H"),  # to a place
    re.compile(r"\x1b\[\d*[ABCDGKJ]"),  # by some cells, erase
    re.compile(rf"\x1b\[\?({_MODES})[hl]"),  # the alternative screen, the cursor, the mouse, pasting, whole frames
    re.compile(rf"\x1b\[\?({_MODES})\$p"),  # whether the terminal knows a mode
    re.compile(r"\x1b\[[<>=]\d*u"),  # the keyboard's protocol
    re.compile(r"\x1b\]22;[a-z-]*\x07"),  # the shape of the mouse pointer
)
_COLOUR = re.compile(r"\x1b\[((?:\d+;?)*)m")
_COLOUR_PARAMETERS = {0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29, *range(30, 50), *range(90, 98), *range(100, 108)}
"""Not 5 (blinks), 8 (hidden), 58 (underlined in a colour)."""
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])|[\x9b\x9d\x90\x98\x9e\x9f]|\x1b", re.DOTALL
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*)?\Z")
"""What is left where a program was ended while it drew."""
_CLIPBOARD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")


def findings(written: bytes, *, copies: bool = False) -> list[str]:
    """Return what a terminal would obey and should not have got. With `copies`, safe texts may go to the clipboard."""
    text = _UNFINISHED.sub("", written.decode("utf-8", errors="surrogateescape"))
    return list(_findings(text, copies))


def _findings(text: str, copies: bool) -> Iterator[str]:
    for sequence in _SEQUENCE.findall(text):
        if not (_is_drawing(sequence) or (copies and _is_safe_copy(sequence))):
            yield repr(sequence[:60])
    plain = _SEQUENCE.sub("", text).replace("\r", "")
    for line in set(plain.split("\n")):
        yield from (f"U+{ord(character):04X} in {line[:60]!r}" for character in set(line) if not is_harmless(character))


def is_harmless(character: str) -> bool:
    return safe(character) == character


def _is_drawing(sequence: str) -> bool:
    if colour := _COLOUR.fullmatch(sequence):
        return _are_colours([int(number) for number in colour[1].split(";") if number])
    return any(allowed.fullmatch(sequence) for allowed in ALLOWED)


def _are_colours(numbers: list[int]) -> bool:
    while numbers:
        first = numbers.pop(0)
        if first not in _COLOUR_PARAMETERS:
            return False
        if first in (38, 48):
            del numbers[: {5: 2, 2: 4}.get(numbers[0] if numbers else 0, 0)]
    return True


def _is_safe_copy(sequence: str) -> bool:
    clipboard = _CLIPBOARD.fullmatch(sequence)
    if not clipboard:
        return False
    copied = base64.b64decode(clipboard[1]).decode()
    return copied == safe(copied)


class StrictTerminal:
    """A program on a pseudo-terminal. `written` is every byte that it wrote."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environment: dict[str, str] | None = None) -> None:
        self.written = b""
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            dimensions=(ROWS, COLUMNS),
            cwd=str(cwd),
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(environment or {})},
            echo=False,
            timeout=PATIENCE_SECONDS,
        )

    def __enter__(self) -> "StrictTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._child.close(force=True)
        except (
            pexpect.ExceptionPexpect
        ):  # killed, but on a busy machine not gone within the tenth of a second that it is given
            self._child.wait()

    def press(self, keys: str) -> None:
        self._child.send(keys)

    def text(self) -> str:
        return "\n".join(self._screen.display)

    def wait_for(self, wanted: Callable[[str], bool]) -> str:
        """Return the screen when it has come to rest and fulfils a condition."""
        end = time.monotonic() + PATIENCE_SECONDS
        shown, since = self.text(), time.monotonic()
        while time.monotonic() < end:
            self._read(0.1)
            if self.text() != shown:
                shown, since = self.text(), time.monotonic()
            if time.monotonic() - since > STILL_SECONDS and wanted(shown):
                return shown
        raise AssertionError(f"not within {PATIENCE_SECONDS} s:\n{self.text()}")

    def wait_for_end(self) -> int:
        """Read until the program has ended, and return its exit status."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read(0.1):
            assert time.monotonic() < end, self.text()
        self._child.wait()
        return int(self._child.exitstatus or 0)

    def _read(self, seconds: float) -> bool:
        """Read what has been written; return whether there may be more."""
        descriptor = self._child.child_fd
        if not select.select([descriptor], [], [], seconds)[0]:
            return True
        try:
            data = os.read(descriptor, 1 << 16)
        except OSError:
            return False  # the other side is closed
        self.written += data
        self._stream.feed(data)
        return bool(data)
