"""Disk space that a runner reserves to record the end of a run: a full disk would prevent even that.

The space belongs to an unnamed file, so that nothing is left behind however the process ends.
"""

import os
import tempfile
from pathlib import Path
from typing import IO, Self

from qtui.errors import NO_SPACE
from qtui.store.errors import NoSpaceError

ROOM_BYTES = 256 * 1024
"""Some dozens of pages of the store; recording the end takes about ten, and as many in the journal."""


class Reserve:
    """A context that reserves space on the disk of the file at `path` until `give_back` or its end.

    Raises NoSpaceError if there is too little at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._file = tempfile.TemporaryFile(dir=self._path.resolve().parent)
            os.posix_fallocate(self._file.fileno(), 0, ROOM_BYTES)
        except OSError as error:
            self.give_back()
            if error.errno in NO_SPACE:
                raise NoSpaceError(self._path) from error
            # Some file systems cannot reserve space: a run does without it there.
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Free the space; do nothing if it is free already."""
        if self._file is not None:
            self._file.close()
            self._file = None
