"""The errors that a user can cause. The command line prints their text; the workbench shows it as a notice.

Any other exception is a defect of qtui, and its traceback goes to the log file, not to the screen.
"""

import errno

from qtui.secrets import redaction

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""errno of a file that cannot grow: the disk is full, a quota is used up, a limit on file sizes is reached."""
LONGEST_LINE = 2000
"""Characters of a line of a message."""
LONGEST_WORDS = 500
"""Characters of a library's message that are shown: some quote the whole input."""


class UserError(Exception):
    """An error for the user: what happened, to what (file, line, key), and what to do.

    Its text contains no secrets, and no line of it is longer than `LONGEST_LINE`: files and servers are quoted in it.
    """

    def __init__(self, message: str) -> None:
        # Secrets are removed before a line is cut: half a key looks like none.
        lines = redaction.redact_message(message).split("\n")
        super().__init__("\n".join(shortened(line, LONGEST_LINE) for line in lines))


def words_of(error: BaseException) -> str:
    """Return what a library's exception says, in one line: its first sentence, not cut where a line ends in a colon."""
    return shortened(_first_sentence(error))


def shortened(text: str, longest: int = LONGEST_WORDS) -> str:
    """Return the text, or its beginning with `…` if it has more than `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _first_sentence(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, LookupError):  # its text is the bare key
        return f"{type(error).__name__}: {lines[0]}"
    count = next((i for i, line in enumerate(lines, start=1) if not line.endswith(":")), len(lines))
    return " ".join(lines[:count])
