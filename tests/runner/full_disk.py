"""Run by `test_full_disk` with mounts of its own: an experiment on a disk that gets full, and again with room. Prints JSON."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from qtui.experiment import experiment
from qtui.runner import start
from qtui.store import open_store
from tests.mounts import mount

LEFT_BYTES = 700 * 1024
"""Enough for the store's shared memory, the runner's reserve and some answers, and not for all."""


def main(file: Path, disk: Path) -> None:
    mount(disk, "size=30m")
    store = disk / "store.sqlite"
    opened = open_store(store)
    start.add(opened, experiment.load(file))
    opened.close()
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - LEFT_BYTES))
    told = {"full": attempt(file, store)}
    with ballast.open("ab") as more:
        more.write(bytes(shutil.disk_usage(disk).free // 4096 * 4096))
    told["no room at all"] = attempt(file, store)
    ballast.unlink()
    told["room again"] = attempt(file, store)
    print(json.dumps(told))


def attempt(file: Path, store: Path) -> dict[str, Any]:
    def qtui(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = qtui("run", str(file))
    listed = qtui("runs", "--json")
    assert listed.returncode == 0, listed.stderr
    rows = sqlite3.connect(store).execute("SELECT id, key, text, created FROM answer ORDER BY id").fetchall()
    return {
        "status": done.returncode,
        "stderr": done.stderr,
        "run": json.loads(listed.stdout)["runs"][0],
        "answers": rows,
        "files": sorted(path.name for path in store.parent.iterdir()),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
