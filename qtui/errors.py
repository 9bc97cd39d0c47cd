"""The errors that a user can cause. The command line prints their text; the workbench shows it as a notice.

Any other exception is a defect of qtui, and its traceback goes to the log file, not to the screen.
"""

import errno
from pathlib import Path

from qtui.secrets import redaction

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""errno of a file that cannot grow: the disk is full, a quota is used up, a limit on file sizes is reached."""


class UserError(Exception):
    """An error for the user: what happened, to what (file, line, key), and what to do. Its text contains no secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(redaction.redact_message(message))


class NoSpaceError(UserError):
    """A file could not grow. Earlier content is intact, so the same command continues once there is room."""

    def __init__(self, path: Path, how: str = "no space left") -> None:
        super().__init__(
            f"{how} on {path.parent} (for {path.name}): free some space and run the same command again; what is done is kept"
        )
