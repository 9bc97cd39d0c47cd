"""A runner that has no memory left ends and says so, and does not try the same for ever."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qtui import paths
from qtui.store import open_store, runs
from tests.filled_store import fill

PATIENCE_SECONDS = 60

IN_THE_WORK = """
async def execute(store, run_id, how):
    raise ExceptionGroup("of a task group", [MemoryError()])
"""
IN_THE_LOOP = """
import asyncio

async def execute(store, run_id, how):
    def fail():
        asyncio.get_running_loop().call_soon(fail)
        raise MemoryError
    fail_soon = asyncio.get_running_loop().call_soon(fail)
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize("execute", [IN_THE_WORK, IN_THE_LOOP], ids=["in the work", "in the loop"])
def test_runner_without_memory_ends_with_the_reason(tmp_path: Path, execute: str) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    program = (
        f"{execute}\nimport qtui.runner.__main__ as runner\nrunner.execute = execute\nraise SystemExit(runner.main())"
    )
    command = [sys.executable, "-c", textwrap.dedent(program), "--store", str(path), "--run", str(run_id)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert done.returncode == 1
    # Python 3.13 shows the source of a program given with -c as well, which names the error too.
    assert [line.strip(" |") for line in done.stderr.splitlines()].count("MemoryError") == 1
    store = open_store(path)
    [run] = runs.summaries(store)
    store.close()
    assert run.state == "failed"
    assert run.reason == (
        "The runner ran out of memory. What is done is kept; run the same command again to resume. "
        f"Its log: {paths.run_log(run_id)}"
    )
