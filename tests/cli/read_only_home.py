"""Run by `test_read_only_home` with mounts of its own: commands of a user whose home cannot be written. Prints JSON.

Arguments: an empty folder to mount the home at, a store and an experiment elsewhere.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.mounts import mount

OWN_FOLDERS = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HF_HOME")


def main(home: Path, store: Path, experiment: Path) -> None:
    mount(home, "size=1m,ro")
    environment = {name: value for name, value in os.environ.items() if name not in OWN_FOLDERS} | {"HOME": str(home)}
    there = f"--store {store}"
    commands = (
        f"scores {there}",
        f"runs {there}",
        f"export answers {there}",
        f"doctor {there}",
        f"run {experiment} --check {there}",
        "locate",
        f"run {experiment} --cpu {there}",
        f"quantize demo --type Q8_0 --out {store.parent} {there}",
        "demo --headless",
    )
    told = {}
    for command in commands:
        words = [sys.executable, "-m", "qtui", *command.split()]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        told[command.partition(" ")[0] + (" --check" if "--check" in command else "")] = (done.returncode, done.stderr)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
