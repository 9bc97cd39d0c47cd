"""Work is started by the command line, as a child: the workbench checks no experiment and imports no runner.

`qtui run --detach` returns as soon as the runner holds its lease, or says what is wrong with the experiment. Quantizing and
measuring are started and left alone: what becomes of them is in the store.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.errors import UserError
from qtui.files import private_files
from qtui.processes import child_process


@dataclass(frozen=True, slots=True)
class Launched:
    """A run that has a runner now."""

    run_id: int
    notice: str
    """`Run 1 is already running (pid 812 on gpu-2)` where it had one before; else empty."""


class CpuNotAllowedError(UserError):
    """A GPU would stand idle while the run computes on the CPU: the user must be asked. The text says why, engine by engine."""


async def start(file: Path, store: Path, *, allows_cpu: bool = False) -> Launched:
    """Start a runner for an experiment's file, unless the run has one.

    Raises UserError with every problem of the file, and CpuNotAllowedError.
    """
    return await _launched("run", str(file), store, allows_cpu)


async def resume(run_id: int, store: Path, *, allows_cpu: bool = False) -> Launched:
    """Start a runner for what is missing of a run, unless the run has one. Raises UserError as `start` does."""
    return await _launched("resume", str(run_id), store, allows_cpu)


async def _launched(command: str, what: str, store: Path, allows_cpu: bool) -> Launched:
    permission = ["--cpu"] if allows_cpu else []
    answer = await _qtui(command, what, "--detach", "--json", *permission, "--store", str(store))
    return Launched(int(answer["run"]), str(answer["notice"]))


async def check(file: Path) -> dict[str, Any]:
    """What an experiment's file would run: experiment, tasks, answers, variants, judges. Raises UserError with every problem."""
    return await _qtui("run", str(file), "--check", "--json")


async def types() -> list[dict[str, Any]]:
    """The types that the installed llama.cpp can make: name, family, bits, needs_imatrix, needs. Raises UserError without it."""
    found = (await _qtui("quantize", "--list", "--json"))["types"]
    assert isinstance(found, list)
    return found


async def quantize(source: str, wanted: list[str], model: str, store: Path, imatrix: str = "") -> None:
    """Start making files; they go on when the workbench ends."""
    arguments = [argument for name in wanted for argument in ("--type", name)]
    if imatrix:
        arguments += ["--imatrix", imatrix]
    await _detached("quantize", source, *arguments, "--model", model, "--store", str(store))


async def bench(source: str, wanted: list[str], model: str, store: Path, imatrix: str = "") -> None:
    """Start measuring; it goes on when the workbench ends. The CPU is allowed even if a GPU is idle: there is nobody to ask."""
    chosen = ["--types", ",".join(wanted), "--cpu"]
    if imatrix:
        chosen += ["--imatrix", imatrix]
    await _detached("bench", source, *chosen, "--model", model, "--store", str(store))


async def _detached(*arguments: str) -> None:
    """In a session of its own and with a file for its output: neither a closed terminal nor the workbench's end reaches it."""
    log = paths.logs() / "workbench.log"
    with private_files.open_private_log(log) as output:
        await asyncio.create_subprocess_exec(
            *child_process.command("qtui", *arguments),
            env=child_process.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _qtui(*arguments: str) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *child_process.command("qtui", *arguments),
        env=child_process.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, talk = await child.communicate()
    if child.returncode != 0 and output:
        raise CpuNotAllowedError(f"{'; '.join(json.loads(output)['idle_gpus'])}.")
    if child.returncode != 0:
        raise UserError(talk.decode(errors="replace").removeprefix("error: ").strip() or "it could not be started")
    found = json.loads(output)
    assert isinstance(found, dict)
    return found
