"""What a user names as importance matrix: a matrix, or a text of which qtui makes one. Planning uses this, so no value is read."""

import codecs
from pathlib import Path

from qtui.engines.weights import file_faults, fingerprint, gguf_file
from qtui.errors import UserError
from qtui.files.input_file import read_text
from qtui.records import content_hash

MAKING = 1
"""Increased when `imatrix_making` would make another matrix of the same text."""

_START = 1 << 12


def is_text(path: Path) -> bool:
    """Return whether a file is a text, and not a matrix. Raises UserError if it cannot be read or is empty."""
    file_faults.check_file(path)
    with path.open("rb") as file:
        start = file.read(_START)
    if b"\0" in start or start.startswith(gguf_file.MAGIC):
        return False
    try:
        # The last character may be cut off here.
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def text_of(path: Path) -> str:
    """Return the text to make a matrix of. Raises UserError if it is not UTF-8, too large, or blank."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    if not text.strip():
        raise UserError(
            f"{path}: is blank; an importance matrix is made of a text like those that the model is used for"
        )
    return text


def key_of(path: Path, device: str) -> str:
    """Return the hash of what decides a matrix: its content, or the text's and how and on what device it is made.

    Raises UserError if the file cannot be read.
    """
    if is_text(path):
        return content_hash("imatrix of a text", MAKING, fingerprint.of_files([path]), device)
    return fingerprint.of_files(gguf_file.parts(path))
