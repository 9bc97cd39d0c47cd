"""Disks for one test alone: a module that runs in a mount namespace of its own, where it may make small or read-only disks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
ROOT = Path(__file__).parents[1]


def mount(folder: Path, options: str) -> None:
    """A file system in memory at `folder`, or its options changed. Only in a module that `run_with_own_mounts` runs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def run_with_own_mounts(module: str, *arguments: Path | str, timeout: float = 120) -> str:
    """What a module of the tests prints when it is run there. Skips where the system has no such namespaces."""
    try:
        able = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare (util-linux)")
    if able.returncode:
        pytest.skip("this system lets nobody have mounts of his own (user namespaces are off)")
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
