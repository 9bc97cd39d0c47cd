"""Texts that a person names as a file: what no file can be called, said before the system is asked."""

from pathlib import Path

LONGEST_NAME = 255
LONGEST_PATH = 4095
"""Bytes that Linux allows."""


def problem(text: str) -> str | None:
    """Return why a text can be no path; None if it can be one."""
    if not text.isprintable():
        return "has a control character or a line break, which no name here can have."
    size = len(text.encode(errors="replace"))
    if size > LONGEST_PATH or any(len(part.encode(errors="replace")) > LONGEST_NAME for part in text.split("/")):
        return f"is too long for the name of a file ({len(text):,} characters)."
    try:
        Path(text).expanduser()
    except RuntimeError:
        user = text.partition("/")[0]
        return f'begins with "{user}", and there is no such user here.'
    return None
