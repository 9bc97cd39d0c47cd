"""Run by `test_full_disk` with mounts of its own: an experiment whose logs are on a full disk. Prints JSON."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.mounts import mount


def main(file: Path, state: Path) -> None:
    mount(state, "size=64k")
    (state / "qtui" / "logs").mkdir(parents=True)
    with (state / "ballast").open("wb", buffering=0) as ballast:
        ballast.write(bytes(shutil.disk_usage(state).free))
    store = file.with_name("store.sqlite")
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    told = []
    for arguments in (["run", str(file)], ["runs", "--json"]):
        command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        told.append((done.returncode, done.stdout, done.stderr))
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
