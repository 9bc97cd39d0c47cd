"""What llama.cpp says: into the process's log, never on the screen, and its last errors kept.

The native functions only return "failed"; the reason is in the line that they logged before. And where native code crashes, the
last lines that it logged say what it was at: so information is written too, each line at once, up to a limit. What it logs for
debugging (at each step of decoding, by some versions) is left out.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qtui.engines.llama_cpp import library
from qtui.processes import log

_INFO, _WARNING, _ERROR, _CONTINUED = 2, 3, 4, 5  # ggml_log_level
_LETTERS = {_INFO: "I", _WARNING: "W", _ERROR: "E"}
"""At the beginning of a line in the log, as llama.cpp's own programs write it."""

INFO_LINES = 2000
"""Of information per process: loading a large model takes some hundreds."""

_errors: deque[str] = deque(maxlen=8)
_listeners: list[Callable[[str], None]] = []
_callback: Any = None


def listen() -> None:
    """Take llama.cpp's log over, and forget earlier errors: to be called before any work whose failure needs a reason."""
    global _callback  # noqa: PLW0603 - native code keeps the pointer, so the callback must live as long as the process
    _errors.clear()
    if _callback is not None:
        return
    import llama_cpp

    def heard(level: int, text: bytes, _: Any) -> None:
        _lines.hear(level, text.decode("utf-8", errors="replace"))

    _callback = llama_cpp.llama_log_callback(heard)
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
    if log.is_open():
        log.note(*library.lines())


@contextmanager
def overhearing(listener: Callable[[str], None], *, is_logged: bool = True) -> Iterator[None]:
    """`listener` gets every line that llama.cpp logs meanwhile, at any level: some progress is told nowhere else.

    `is_logged` False keeps information out of the log meanwhile.
    """
    listen()
    _listeners.append(listener)
    was_quiet, _lines.is_quiet = _lines.is_quiet, _lines.is_quiet or not is_logged
    try:
        yield
    finally:
        _lines.is_quiet = was_quiet
        _listeners.remove(listener)


def last_error() -> str:
    """The first of the last errors, the one that names the cause; then they are forgotten."""
    said = _errors[0].split(": ", 1)[-1] if _errors else "llama.cpp gave no reason"
    _errors.clear()
    return said


class _Lines:
    """The library's log as it comes: pieces of lines, each with a level or with the one before."""

    def __init__(self) -> None:
        self.is_quiet = False
        """Whether information is kept out of the log for now."""
        self._level = 0
        self._information = 0

    def hear(self, level: int, text: str) -> None:
        self._level = level if level != _CONTINUED else self._level
        for listener in _listeners:
            listener(text)
        if self._level == _ERROR:
            _errors.extend(said for part in text.splitlines() if (said := part.strip(" =")))
        if self._level in (_WARNING, _ERROR) or (self._level == _INFO and self._takes_information(text)):
            self._write(text)

    def _takes_information(self, text: str) -> bool:
        """A process without a log of its own has a screen, which information would disturb."""
        if not log.is_open() or self.is_quiet or self._information > INFO_LINES:
            return False
        self._information += max(1, text.count("\n"))
        if self._information > INFO_LINES:
            log.note(f"llama.cpp: more than {INFO_LINES:,} lines of information; from here on warnings and errors only")
            return False
        return True

    def _write(self, text: str) -> None:
        if not log.is_open():
            sys.stderr.write(text)
            return
        # A piece of a line gets a line of its own: what a crash prints after it must not be taken for a part of it.
        letter = _LETTERS[self._level]
        marked = "".join(f"{letter} {part}\n" for part in text.splitlines() if part.strip(" ."))
        log.write(marked.encode(errors="replace"))


_lines = _Lines()
