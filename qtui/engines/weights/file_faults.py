"""Faults that a model's file shows at once: a link to nothing, an empty file, a Git LFS pointer, a web page in its place."""

from pathlib import Path

from qtui.errors import UserError

START_BYTES = 64
"""Bytes from a file's beginning that are enough to recognize these faults."""
_LFS = b"version https://git-lfs"
_PAGES = (b"<!doctype", b"<html", b"<?xml")


def check_file(file: Path) -> None:
    """Raise UserError if a file is missing, a link to nothing, unreadable, empty, a Git LFS pointer or a web page."""
    check_exists(file)
    try:
        with file.open("rb") as data:
            start = data.read(START_BYTES)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error})") from None
    fault = fault_of(start)
    if fault:
        raise UserError(f"{file}: {fault}")


def check_exists(file: Path) -> None:
    """Raise UserError if a file is missing or a link to nothing."""
    check_link(file)
    if not file.is_file():
        raise UserError(f"{file}: is missing; download the model again")


def check_link(file: Path) -> None:
    """Raise UserError if a path is a link whose target does not exist, as an interrupted download leaves it in the hub's cache."""
    if file.is_symlink() and not file.exists():
        raise UserError(
            f"{file}: is a link to {file.readlink()}, which does not exist (an incomplete hub cache or copy); "
            "download the model again"
        )


def fault_of(start: bytes) -> str:
    """Return what is wrong with a file that begins so, and what to do; empty if it may be a model's file."""
    if not start:
        return "is empty and not a complete file (0 bytes); download it again"
    if start.startswith(_LFS):
        return "is a Git LFS pointer and not the file itself: run `git lfs pull` in its folder"
    if start.lstrip().lower().startswith(_PAGES):
        return "is a web page and not a model's file; download it again"
    return ""
