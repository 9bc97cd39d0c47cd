"""Run by `test_unwritable`: opens a store as a user who may only read it, and says what each way of opening does. Prints JSON."""

import encodings.idna  # noqa: F401  # what is imported late is perhaps not readable for that user
import json
import os
import sys
import urllib.parse  # noqa: F401
from pathlib import Path

import psutil  # noqa: F401

from qtui.errors import UserError
from qtui.store import open_store, runs


def main(path: Path) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    told: dict[str, object] = {}
    try:
        open_store(path).close()
    except UserError as error:
        told["writing"] = str(error)
    store = open_store(path, must_write=False)
    told["experiments"] = [run.experiment for run in runs.summaries(store)]
    try:
        runs.set_state(store, 1, "failed")
    except UserError as error:
        told["change"] = str(error)
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
