"""Reading system files below a root folder, which tests replace by a folder of their own."""

from pathlib import Path


def read(path: Path) -> str:
    """A file's text; empty if the file is missing, cannot be read, or is a link to /dev/null."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def host_name(root: Path) -> str:
    """The name of this machine; empty if it cannot be read."""
    return read(root / "proc/sys/kernel/hostname").strip()
