"""Scoring a stored run, also an imported one, without a model: scorers are added to it, and answers without a score get one.

It works in the process of the command, because it needs neither weights nor minutes. What is scored is committed at once.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from qtui import scorers
from qtui.errors import UserError
from qtui.experiment import scorers as experiment_scorers
from qtui.records import ScorerSpec
from qtui.runner.control import Control
from qtui.runner.scoring import score_run
from qtui.store import Store, leases, runs, scores


def read(store: Store, run_id: int, file: Path | None, kinds: Sequence[str]) -> tuple[ScorerSpec, ...]:
    """Return the scorers of a file's [[scorers]] tables and those of these kinds with all settings at their default.

    Raises UserError with all problems.
    """
    named = experiment_scorers.load(file, runs.task_set(store, run_id)) if file else ()
    by_kind = [ScorerSpec(kind) for kind in scorers.KINDS if kind in kinds]
    for spec in by_kind:
        if problems := scorers.setting_problems(spec):
            settings = "; ".join(f"{name}: {problem}" for name, problem in problems)
            raise UserError(
                f"{spec.kind}: {settings} Write it in a file under [[scorers]] and name that with --scorers."
            )
        if spec.label in [other.label for other in named]:
            raise UserError(f"{file}: has a scorer {spec.label} already, which --kind {spec.kind} would repeat.")
    return (*named, *by_kind)


def add(store: Store, run_id: int, specs: Sequence[ScorerSpec]) -> None:
    """Add scorers to the run; those of the same names and other settings are no longer current. Raises UserError if it runs."""
    if holder := leases.holder(store, run_id):
        raise UserError(
            f"Run {run_id} is running ({holder}). Wait until it ends or cancel it (`qtui cancel {run_id}`)."
        )
    with store.writing():
        for spec in specs:
            scores.put(store, run_id, spec, scorers.fingerprint(spec))


def score(store: Store, run_id: int, on_score: Callable[[], None]) -> tuple[list[str], bool]:
    """Score what is missing. Returns one text for each scorer that failed, and whether it was interrupted (Ctrl-C)."""
    return asyncio.run(_score(store, run_id, on_score))


async def _score(store: Store, run_id: int, on_score: Callable[[], None]) -> tuple[list[str], bool]:
    control, never, finished = Control(), asyncio.Event(), asyncio.Event()
    finished.set()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, control.cancel, "interrupted")
    failures = await score_run(store, run_id, control, answered=never, finished=finished, on_score=on_score)
    return failures, control.cancelled.is_set()
