"""The one error that a user can cause. The command line prints its text alone; the workbench shows it as a notice.

Anything else that reaches the top is a defect of qtui and keeps its traceback (in the log file, not on the screen).
"""

import errno
from pathlib import Path

from qtui.secrets import redaction

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a file cannot grow: the disk is full, a quota is used up, a limit on file sizes is reached."""


class UserError(Exception):
    """Says what happened, to what (file, line, key), and what to do. Its text is safe to print and to keep: it has no secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(redaction.redact_message(message))


class NoSpaceError(UserError):
    """A file could not grow. What was there before is whole, so the same command goes on once there is room."""

    def __init__(self, path: Path, how: str = "no space left") -> None:
        super().__init__(
            f"{how} on {path.parent} (for {path.name}): free some and run the same command again; what is done is kept"
        )
