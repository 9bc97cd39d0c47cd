"""Writes llama.cpp's log to the process's log, never to the screen, and remembers its last errors.

Native functions only return that they failed; the reason is in the line that they logged before. After a crash the last lines show
where it happened, so information is logged too, line by line, up to a limit. Debug lines, which some versions log at every decoding
step, are left out.
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
"""The first letter of a line in the log, as in llama.cpp's programs."""

INFO_LINES = 2000
"""Maximum of information lines per process. Loading a large model logs some hundreds."""

_errors: deque[str] = deque(maxlen=8)
_listeners: list[Callable[[str], None]] = []
_callback: Any = None


def listen() -> None:
    """Receive llama.cpp's log and clear earlier errors. Call it before work whose failure needs a reason."""
    global _callback  # noqa: PLW0603 - native code keeps the pointer, so the callback must live as long as the process
    _errors.clear()
    if _callback is not None:
        return
    import llama_cpp

    def hear(level: int, text: bytes, _: Any) -> None:
        _lines.hear(level, text.decode("utf-8", errors="replace"))

    _callback = llama_cpp.llama_log_callback(hear)
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))
    if log.is_open():
        log.note(*library.lines())


@contextmanager
def listen_with(listener: Callable[[str], None], *, is_logged: bool = True) -> Iterator[None]:
    """Within the block, `listener` gets every line that llama.cpp logs, at any level: the only source of some progress.

    If `is_logged` is False, information lines are not written to the log within the block.
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
    """Return the first error since `listen`, which names the cause, and clear the errors."""
    reason = _errors[0].split(": ", 1)[-1] if _errors else "llama.cpp gave no reason"
    _errors.clear()
    return reason


class _Lines:
    """Receives the library's log in pieces of lines. A piece has a level or continues the piece before it."""

    def __init__(self) -> None:
        self.is_quiet = False
        """Whether information lines are currently not logged."""
        self._level = 0
        self._information = 0

    def hear(self, level: int, text: str) -> None:
        self._level = level if level != _CONTINUED else self._level
        for listener in _listeners:
            listener(text)
        if self._level == _ERROR:
            _errors.extend(message for part in text.splitlines() if (message := part.strip(" =")))
        if self._level in (_WARNING, _ERROR) or (self._level == _INFO and self._takes_information(text)):
            self._write(text)

    def _takes_information(self, text: str) -> bool:
        """Whether to log an information line. A process without a log file writes to a screen, which would be cluttered."""
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
        # Each piece gets its own line, so that the output of a crash does not continue it.
        letter = _LETTERS[self._level]
        marked = "".join(f"{letter} {part}\n" for part in text.splitlines() if part.strip(" ."))
        log.write(marked.encode(errors="replace"))


_lines = _Lines()
