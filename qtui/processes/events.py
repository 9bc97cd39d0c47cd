"""What qtui itself writes into the log of a process while it works: one line per event, with time, level and process.

A line has no answer, task, prompt or reply in it: tasks and answers are named by their numbers, and what a server says of a failure
stands where it stands in the store. Secrets that this process knows are removed. `--log-level` and `$QTUI_LOG_LEVEL` say which
events are written; child processes inherit the variable.
"""

import os
import time
from typing import Literal, get_args

from qtui.processes import log
from qtui.secrets import redaction

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the most to the fewest lines."""
DEFAULT: Level = "info"
VARIABLE = "QTUI_LOG_LEVEL"
"""The environment variable with the lowest level that is written."""
_LONGEST = 2_000
_states: dict[str, tuple[str, str]] = {}
"""The last state of everything, as `changed` wrote it."""


def set_level(level: Level) -> None:
    """Write events of this level and above, in this process and in the children that it starts from now on."""
    os.environ[VARIABLE] = level


def level() -> Level:
    """Return the lowest level that is written. A word that is no level counts as the default."""
    named = os.environ.get(VARIABLE, "").strip().lower()
    return next((each for each in LEVELS if each == named), DEFAULT)


def is_written(of: Level) -> bool:
    """Return whether events of a level are written to a log of this process."""
    return log.is_open() and LEVELS.index(of) >= LEVELS.index(level())


def debug(text: str) -> None:
    _write("debug", text)


def info(text: str) -> None:
    _write("info", text)


def warning(text: str) -> None:
    _write("warning", text)


def error(text: str) -> None:
    _write("error", text)


def changed(subject: str, state: str, reason: str = "") -> None:
    """Write that something is in another state now, as an error if it failed. The same state again is not written."""
    if _states.get(subject) == (state, reason):
        return
    _states[subject] = (state, reason)
    _write("error" if state == "failed" else "info", f"{subject}: {state}{f' ({reason})' if reason else ''}")


def _write(of: Level, text: str) -> None:
    if not is_written(of):
        return
    line = " ".join(redaction.redact_message(text).split())
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 1]}…"
    now = time.time()
    moment = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))}.{int(now % 1 * 1000):03d}"
    log.note(f"{moment} {time.strftime('%z', time.localtime(now))} {of.upper()} {os.getpid()} {line}")
