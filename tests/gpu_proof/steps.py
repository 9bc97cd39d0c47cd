"""A step of the proof as a process of its own: `python -m tests.gpu_proof.steps NAME WORK [--rehearse]` prints JSON
as its last line."""

import argparse
import faulthandler
import json
import os
import sys
from pathlib import Path

from tests.gpu_proof import parity, whole_runs, with_llama_cpp, with_transformers
from tests.gpu_proof.stage import STEPS, Place

__all__ = ["STEPS"]

MODULES = (with_transformers, parity, whole_runs, with_llama_cpp)
"""Importing a module puts its steps into STEPS."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=STEPS)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    faulthandler.enable()
    function, _ = STEPS[arguments.name]
    found = function(Place(arguments.work, is_rehearsal=arguments.rehearse))
    sys.stdout.write("\n" + json.dumps(found, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
