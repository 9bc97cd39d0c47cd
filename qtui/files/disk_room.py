"""Room on a disk, checked before something large is written."""

import shutil
from pathlib import Path

from qtui.errors import UserError


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raises UserError where the disk that holds `folder`, which need not exist yet, has less than `needed` bytes free."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: too little room for {what}: {needed / 2**30:,.2f} GB needed, {free / 2**30:,.2f} GB free; make room, or "
            "name another folder"
        )
