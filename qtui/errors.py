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


def words_of(error: BaseException) -> str:
    """Return what a library's exception says, in one line: its first sentence, not cut where a line ends in a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, LookupError):  # its text is the bare key
        return f"{type(error).__name__}: {lines[0]}"
    count = next((i for i, line in enumerate(lines, start=1) if not line.endswith(":")), len(lines))
    return " ".join(lines[:count])
