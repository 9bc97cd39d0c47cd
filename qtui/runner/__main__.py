"""Entry point of the runner's process. Its stdout and stderr go to a log file, because no terminal may be left to write to."""

import argparse
import asyncio
import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.device.memory import address_space
from qtui.endpoints.budget import spending
from qtui.errors import UserError
from qtui.files import disk_errors
from qtui.format import memory_size
from qtui.processes import log, log_end, streams
from qtui.runner import LEASE_IS_HELD, how_to_grade
from qtui.runner.execution import execute
from qtui.runner.how_to_grade import HowToGrade
from qtui.secrets import redaction
from qtui.store import Store, damage, open_store, runs
from qtui.store.errors import LeaseHeldError, StoreConflictError, StoreDamagedError, StoreError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m qtui.runner", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    how_to_grade.add_arguments(parser)
    arguments = parser.parse_args()
    streams.lose_unwritable("stderr", "stdout")
    with redaction.guarded_streams():
        return _run(arguments.store, arguments.run, how_to_grade.from_arguments(arguments))


def _run(path: Path, run_id: int, how: HowToGrade) -> int:
    log.begin(f"the runner of run {run_id} in {path}", asks_gpu_tools=True)
    try:
        store = open_store(path, create=False)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    try:
        with spending(how.purse()):
            finished = asyncio.run(_execute(store, run_id, how))
    except LeaseHeldError as error:
        sys.stderr.write(f"{error}\n")
        return LEASE_IS_HELD
    except (StoreConflictError, StoreDamagedError) as error:
        return _fail(store, run_id, error)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Exception as error:
        return _fail(store, run_id, error)
    return 0 if finished in ("done", "waiting", "stopped") else 1


def _fail(store: Store, run_id: int, error: Exception) -> int:
    """Write a defect into the log with its traceback, and its sentence into the store. Returns the exit status."""
    traceback.print_exc()
    reason = f"{_in_words(error)}. Its log: {paths.run_log(run_id)}"
    with contextlib.suppress(StoreError):  # damaged, or full: then the log alone has the reason
        runs.set_state(store, run_id, "failed", redaction.redact_message(reason))
    sys.stderr.write(f"error: {redaction.redact_message(reason)}\n")
    return 1


async def _execute(store: Store, run_id: int, how: HowToGrade) -> str:
    def end_without_memory(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the process on MemoryError: asyncio would otherwise retry a failed callback of the loop for ever."""
        loop.default_exception_handler(context)
        error = context.get("exception")
        if isinstance(error, MemoryError):
            with contextlib.suppress(Exception):  # if memory is missing for this too, the run counts as interrupted
                runs.set_state(store, run_id, "failed", f"{_in_words(error)}. Its log: {paths.run_log(run_id)}")
            os._exit(1)

    asyncio.get_running_loop().set_exception_handler(end_without_memory)
    return await execute(store, run_id, how)


def _in_words(error: Exception) -> str:
    """The error as a sentence for the user; of a group the first error."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if damaged := damage.cause_of(error):
        return str(damaged)
    if isinstance(error, MemoryError) or log_end.lacks_memory(str(error)):
        space = address_space()
        limit = f"; its address space is limited to {memory_size(space.limit)} (`ulimit -v`)" if space else ""
        return f"The runner ran out of memory{limit}. What is done is kept; run the same command again to resume"
    if isinstance(error, OSError) and disk_errors.is_of_disk(error):
        return f"{disk_errors.describe(error)}. What is done is kept; run the same command again to resume"
    return f"{type(error).__name__}: {error} (a defect of qtui)"


if __name__ == "__main__":
    sys.exit(main())
