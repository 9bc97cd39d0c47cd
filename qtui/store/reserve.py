"""Room that a runner keeps for its last words: on a full disk a run could not even write down why it ended.

The room belongs to a file without a name, so that nothing is left behind whatever becomes of the process.
"""

import os
import tempfile
from pathlib import Path
from typing import IO, Self

from qtui.errors import NO_SPACE
from qtui.store.errors import NoSpaceError

ROOM_BYTES = 256 * 1024
"""Some dozens of pages of the store; its last words take about ten, and as many in its journal."""


class Reserve:
    """Use as a context: room on the disk of the file at `path`, until `give_back` or the end of the context.

    Raises NoSpaceError where there is too little to begin with.
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
            # Some file systems promise no room: there a run does without.
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
