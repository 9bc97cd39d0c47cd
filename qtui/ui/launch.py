"""Starts work as `qtui` commands in child processes: the workbench itself checks no experiment and imports no runner.

`qtui run --detach` returns as soon as the runner holds its lease, or reports the problems of the experiment. Quantizing and
measuring continue on their own and report their progress in the store.
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
    """A run that has a runner."""

    run_id: int
    notice: str
    """`Run 1 is already running (pid 812 on gpu-2)` if it had one before; else empty."""


class CpuNotAllowedError(UserError):
    """A GPU would be idle while the run computes on the CPU: ask the user first. The text gives the reason per engine."""


async def start(file: Path, store: Path, *, allows_cpu: bool = False) -> Launched:
    """Start a runner for an experiment file, unless the run has one.

    Raises UserError with every problem of the file, and CpuNotAllowedError.
    """
    return await _launched("run", str(file), store, allows_cpu)


async def resume(run_id: int, store: Path, *, allows_cpu: bool = False) -> Launched:
    """Resume a run: start a runner for it, unless it has one. Raises UserError as `start` does."""
    return await _launched("resume", str(run_id), store, allows_cpu)


async def _launched(command: str, target: str, store: Path, allows_cpu: bool) -> Launched:
    permission = ["--cpu"] if allows_cpu else []
    answer = await _qtui(command, target, "--detach", "--json", *permission, "--store", str(store))
    return Launched(int(answer["run"]), str(answer["notice"]))


async def check(file: Path, store: Path) -> dict[str, Any]:
    """Check an experiment file; return its plan (tasks, answers, variants, judges, costs). Raises UserError with every problem.

    What the store has of it already is not among the costs.
    """
    return await _qtui("run", str(file), "--check", "--json", "--without-resolution", "--store", str(store))


async def types() -> list[dict[str, Any]]:
    """Return the types of the installed llama.cpp: name, family, bits, needs_imatrix, needs. Raises UserError without it."""
    rows = (await _qtui("quantize", "--list", "--json"))["types"]
    assert isinstance(rows, list)
    return rows


async def quantize(source: str, types: list[str], model: str, store: Path, imatrix: str = "") -> None:
    """Start quantizing; it continues when the workbench ends."""
    arguments = [argument for name in types for argument in ("--type", name)]
    if imatrix:
        arguments += ["--imatrix", imatrix]
    await _detached("quantize", source, *arguments, "--model", model, "--store", str(store))


async def bench(source: str, types: list[str], model: str, store: Path, imatrix: str = "") -> None:
    """Start measuring; it continues when the workbench ends. The CPU is allowed even if a GPU is idle: there is nobody to ask."""
    chosen = ["--types", ",".join(types), "--cpu"]
    if imatrix:
        chosen += ["--imatrix", imatrix]
    await _detached("bench", source, *chosen, "--model", model, "--store", str(store))


async def _detached(*arguments: str) -> None:
    """Start a command in a new session with a log for its output: it survives a closed terminal and the workbench's end."""
    log = paths.logs() / "workbench.log"
    with private_files.open_private_log(log) as output:
        await asyncio.create_subprocess_exec(
            *child_process.command("qtui", *arguments),
            env=child_process.environment(keys=child_process.every_key),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _qtui(*arguments: str) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *child_process.command("qtui", *arguments),
        env=child_process.environment(keys=child_process.every_key),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, messages = await child.communicate()
    if child.returncode != 0 and output:
        raise CpuNotAllowedError(f"{'; '.join(json.loads(output)['idle_gpus'])}.")
    if child.returncode != 0:
        raise UserError(
            messages.decode(errors="replace").removeprefix("error: ").strip()
            or "The qtui command could not be started."
        )
    answer = json.loads(output)
    assert isinstance(answer, dict)
    return answer
