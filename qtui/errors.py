"""The errors that a user can cause. The command line prints their text; the workbench shows it as a notice.

Any other exception is a defect of qtui, and its traceback goes to the log file, not to the screen.
"""

import errno

from qtui.secrets import redaction

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""errno of a file that cannot grow: the disk is full, a quota is used up, a limit on file sizes is reached."""


class UserError(Exception):
    """An error for the user: what happened, to what (file, line, key), and what to do. Its text contains no secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(redaction.redact_message(message))
