"""The one error that a user can cause. The command line prints its text alone; the workbench shows it as a notice.

Anything else that reaches the top is a defect of qtui and keeps its traceback (in the log file, not on the screen).
"""

import errno

from qtui.secrets import redaction

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a file cannot grow: the disk is full, a quota is used up, a limit on file sizes is reached."""


class UserError(Exception):
    """Says what happened, to what (file, line, key), and what to do. Its text is safe to print and to keep: it has no secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(redaction.redact_message(message))
