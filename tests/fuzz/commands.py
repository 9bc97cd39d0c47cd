"""Commands of qtui as a user calls them, in this process: what they say, and the traceback behind "this is a defect of qtui"."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from qtui import cli, paths
from qtui.errors import UserError

DEFECT = "this is a defect of qtui"
FINE, FAILED, USAGE, NOT_MET = 0, 1, 2, 3
_OWN_LINE = re.compile(r'File ".*/qtui/([^"]+)", line (\d+)')


class DefectError(Exception):
    """A command has called its failure a defect of qtui, or ended in a way that a command does not."""


def set_homes(folder: Path) -> None:
    """Keep all of qtui's own files in this folder."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / name.lower())


def call(arguments: Sequence[str]) -> str:
    """Run a command and return what it printed. Raises UserError with its message if it failed, and DefectError."""
    with _stream() as printed, _stream() as said:
        status = _status(arguments, printed, said)
        output, message = _text(printed), _text(said)
    if DEFECT in message or status not in (FINE, FAILED, USAGE, NOT_MET):
        raise DefectError(_cause(message, status))
    if status in (FAILED, USAGE) and not (message or output):
        raise DefectError(f"{arguments[0]} ended with {status} and said nothing")
    if message:
        raise UserError(message)
    return output


def _status(arguments: Sequence[str], printed: IO[str], said: IO[str]) -> int:
    before = sys.argv
    sys.argv = ["qtui", *arguments]
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv = before


def _stream() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # a command asks for its number


def _text(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()


def _cause(message: str, status: int) -> str:
    """The last line of qtui in the traceback that was logged, and the exception."""
    file = paths.logs() / "errors.log"
    traceback = file.read_text(errors="replace") if file.exists() else ""
    lines = [line for line in traceback.splitlines() if line.strip()]
    own = _OWN_LINE.findall(traceback)
    where = f"{own[-1][0]}:{own[-1][1]} {lines[-1][:100]}" if own else f"{message[:200]!r} (status {status})"
    return f"{where}\n{traceback[-3000:]}"
