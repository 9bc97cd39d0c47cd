"""What llama.cpp says: into the log (stderr) from warnings upward, never on the screen, and its last errors kept.

The native functions only return "failed"; the reason is in the line that they logged before.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_WARNING, _ERROR, _CONTINUED = 3, 4, 5  # ggml_log_level
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

    level_before = 0

    def heard(level: int, text: bytes, _: Any) -> None:
        nonlocal level_before
        level_before = level if level != _CONTINUED else level_before
        line = text.decode("utf-8", errors="replace")
        for listener in _listeners:
            listener(line)
        if level_before not in (_WARNING, _ERROR):
            return
        sys.stderr.write(line)
        if level_before == _ERROR:
            _errors.extend(said for part in line.splitlines() if (said := part.strip(" =")))

    _callback = llama_cpp.llama_log_callback(heard)
    llama_cpp.llama_log_set(_callback, ctypes.c_void_p(0))


@contextmanager
def overhearing(listener: Callable[[str], None]) -> Iterator[None]:
    """`listener` gets every line that llama.cpp logs meanwhile, at any level: some progress is told nowhere else."""
    listen()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def last_error() -> str:
    """The first of the last errors, the one that names the cause; then they are forgotten."""
    said = _errors[0].split(": ", 1)[-1] if _errors else "llama.cpp gave no reason"
    _errors.clear()
    return said
