"""Another user of this machine: whether it can run this interpreter and read qtui. It cannot where they lie in the home of root."""

import os
import subprocess
import sys
from pathlib import Path

NOBODY = 65534
PROGRAM = "import sys, encodings.idna, urllib.parse, psutil, qtui.store; open(sys.argv[1], 'rb').close()"


def what_it_lacks(file: Path) -> str:
    """Why another user cannot run this interpreter with qtui in it and read `file`, found out by trying; empty if it can.

    Only root can try. Others are told nothing: for them no test becomes another user.
    """
    if os.geteuid() != 0:
        return ""
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file)],
            user=NOBODY,
            group=NOBODY,
            extra_groups=(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        return f"another user cannot run {sys.executable} ({error.strerror})"
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return f"another user cannot read what the test needs of {sys.prefix} and {file} ({why})"
    return ""
