"""Builds llama.cpp from the bundle for this machine and puts it into a folder: `python -m tests.gpu_proof.build
SOURCE SITE JOBS`."""

import argparse
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from qtui.building import recipe, wheel
from qtui.building.recipe import BACKENDS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("site", type=Path)
    parser.add_argument("jobs", type=int)
    parser.add_argument("--backend", choices=BACKENDS, default="cuda")
    arguments = parser.parse_args()
    began = time.monotonic()
    wanted = recipe.for_machine(arguments.backend)
    print(wanted.record(), flush=True)
    made = wheel.cached(wanted) or wheel.build(
        wanted,
        lambda step: print(f"{time.monotonic() - began:5.0f} s {step.words}", flush=True),
        source=str(arguments.source),
        is_offline=True,
        jobs=arguments.jobs,
    )
    with zipfile.ZipFile(made) as archive:
        archive.extractall(arguments.site)
    print(
        f"built in {time.monotonic() - began:.0f} s with {arguments.jobs} jobs: {made} ({made.stat().st_size >> 20} MiB)",
        flush=True,
    )
    subprocess.run([sys.executable, "-c", "import llama_cpp; print(llama_cpp.llama_print_system_info())"], check=True)


if __name__ == "__main__":
    main()
