"""Runs are started by the command line, as a child: the workbench checks no experiment and imports no runner.

`qtui run --detach` returns as soon as the runner holds its lease, or says what is wrong with the experiment.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from qtui.errors import UserError


async def start(file: Path, store: Path) -> int:
    """Start a runner for an experiment's file. Returns the run's id; raises UserError with every problem of the file."""
    return int((await _qtui("run", str(file), "--detach", "--json", "--store", str(store)))["run"])


async def resume(run_id: int, store: Path) -> int:
    """Start a runner for what is missing of a run. Raises UserError where it cannot be."""
    return int((await _qtui("resume", str(run_id), "--detach", "--json", "--store", str(store)))["run"])


async def check(file: Path) -> dict[str, Any]:
    """What an experiment's file would run: experiment, tasks, answers, variants, judges. Raises UserError with every problem."""
    return await _qtui("run", str(file), "--check", "--json")


async def _qtui(*arguments: str) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "qtui", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, talk = await child.communicate()
    if child.returncode != 0:
        raise UserError(talk.decode(errors="replace").removeprefix("error: ").strip() or "it could not be started")
    found = json.loads(output)
    assert isinstance(found, dict)
    return found
