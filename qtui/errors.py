"""The one error that a user can cause. The command line prints its text alone; the workbench shows it as a notice.

Anything else that reaches the top is a defect of qtui and keeps its traceback (in the log file, not on the screen).
"""


class UserError(Exception):
    """Says what happened, to what (file, line, key), and what to do. Its text is safe to print as it is."""
