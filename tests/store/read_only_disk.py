"""Run by `test_unwritable` with mounts of its own: commands on a store whose disk was made read-only. Prints JSON.

Arguments: an empty folder to mount the disk at, the store, and, if they are to be there, the files that belong to it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.mounts import mount

COMMANDS = (
    "runs",
    "scores",
    "lengths",
    "compare 1",
    "export answers",
    "doctor",
    "divergence --known",
    "cancel 1",
    "judge reference",
)


def main(disk: Path, files: list[Path]) -> None:
    mount(disk, "size=20m")
    for file in files:
        shutil.copy(file, disk)
    mount(disk, "remount,ro")
    told = {}
    for command in COMMANDS:
        words = [sys.executable, "-m", "qtui", *command.split(), "--store", str(disk / files[0].name)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        told[command] = [done.returncode, done.stdout, done.stderr]
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
