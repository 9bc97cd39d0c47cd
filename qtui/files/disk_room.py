"""Checking for free room on a disk before a large file is written."""

import shutil
from pathlib import Path

from qtui.errors import UserError


def check_room(folder: Path, needed: int, purpose: str) -> None:
    """Raises UserError if the disk of `folder`, which need not exist yet, has less than `needed` bytes free."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: too little room for {purpose}: {needed / 2**30:,.2f} GB needed, {free / 2**30:,.2f} GB free; make "
            "room or name another folder"
        )
