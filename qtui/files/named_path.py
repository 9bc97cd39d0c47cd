"""Texts that a person names as a file: what no file can be called, said before the system is asked.

Only this module resolves `~`: the library's exception for an unknown user is a RuntimeError, which nobody expects.
"""

from pathlib import Path

from qtui.errors import UserError

LONGEST_NAME = 255
LONGEST_SHOWN = 60
LONGEST_PATH = 4095
"""Bytes that Linux allows."""


def problem(text: str) -> str | None:
    """Return why a text can be no path; None if it can be one."""
    if not text.isprintable():
        return "has a control character or a line break, which no name here can have."
    return _impossible(text)


def expanded(text: str | Path) -> Path:
    """Return a path with `~` resolved. Raises UserError if there can be no such path here, or no such user."""
    if message := _impossible(str(text)):
        shown = str(text)[:LONGEST_SHOWN].encode(errors="replace").decode()
        raise UserError(f'"{shown}": {message}')
    return Path(text).expanduser()


def is_utf8(path: Path) -> bool:
    """Return whether a path is a text, which a store can hold. Names of files are bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _impossible(text: str) -> str | None:
    if "\0" in text:
        return "has a NUL character, which no name of a file can have."
    size = len(text.encode(errors="replace"))
    if size > LONGEST_PATH or any(len(part.encode(errors="replace")) > LONGEST_NAME for part in text.split("/")):
        return f"is too long for the name of a file ({len(text):,} characters)."
    try:
        Path(text).expanduser()
    except RuntimeError:
        user = text.partition("/")[0]
        return f'begins with "{user}", and there is no such user here.'
    return None
