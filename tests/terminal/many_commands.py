"""`python -m tests.terminal.many_commands CALLS`: many commands in one process, for what would take minutes in a process each.

CALLS is a JSON file with lists of arguments. Before what each command prints, `<<NUMBER>>` is on a line of its own, on stdout
and on stderr; after it `<<NUMBER=STATUS>>` is on stdout.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from qtui.cli import main

ENDS = re.compile(rb"<<(\d+)=(\d+)>>")


def run(calls: Sequence[Sequence[str]]) -> None:
    for number, call in enumerate(calls):
        for stream in (sys.stdout, sys.stderr):
            print(f"\n<<{number}>>", file=stream, flush=True)
        sys.argv = ["qtui", *call]
        try:
            main()
        except SystemExit as ended:
            print(f"\n<<{number}={ended.code}>>", flush=True)


def by_call(written: bytes, count: int) -> list[bytes]:
    """Return what each command wrote to one stream."""
    parts = re.split(rb"\r?\n<<\d+>>\r?\n", ENDS.sub(b"", written))[1:]
    assert len(parts) == count, parts[-1][-2000:]
    return parts


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
