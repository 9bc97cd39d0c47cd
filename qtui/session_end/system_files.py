"""Reading the system's files below a root folder, so that a test can give a root of its own."""

from pathlib import Path


def read(path: Path) -> str:
    """A file's text; empty where there is none or it cannot be read, and of a link to /dev/null."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def host_name(root: Path) -> str:
    """The name of this machine; empty where it cannot be read."""
    return read(root / "proc/sys/kernel/hostname").strip()
