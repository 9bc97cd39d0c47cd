"""`python -m tests.audit COMMAND…`: pip-audit as `make audit` runs it, with one sentence where nothing could be asked.

Where its service cannot be reached, pip-audit ends with a traceback, and with the status that also means that it found something.
This needs nothing but Python, because pip-audit has a venv of its own.
"""

import subprocess
import sys
from collections.abc import Sequence

NOT_AUDITED = 2
_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 300


def main(command: Sequence[str]) -> int:
    """Run the command and return its exit status; `NOT_AUDITED`, after a sentence, if it broke off or cannot be started."""
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    except OSError as error:
        return _not_audited(f"{command[0]}: {error.strerror}")
    if _TRACEBACK not in done.stderr:
        sys.stderr.write(done.stderr)
        return done.returncode
    return _not_audited([line for line in done.stderr.splitlines() if line.strip()][-1])


def _not_audited(why: str) -> int:
    print(
        f"error: nothing was audited: {why[:_LONGEST]}. `make audit` asks a service on the network; try again where it can be "
        "reached, or name another with ARGS='--vulnerability-service osv'.",
        file=sys.stderr,
    )
    return NOT_AUDITED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
