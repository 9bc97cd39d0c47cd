"""Entry of the runner's process. Its stdout and stderr are a log file; nobody may be there to read a terminal."""

import argparse
import asyncio
import sqlite3
import sys
import traceback
from pathlib import Path

from qtui import redaction
from qtui.errors import UserError
from qtui.runner.execution import execute
from qtui.store import open_store, runs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m qtui.runner", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    arguments = parser.parse_args()
    with redaction.guarded_streams():
        return _execute(arguments.store, arguments.run)


def _execute(path: Path, run_id: int) -> int:
    store = open_store(path, create=False)
    try:
        finished = asyncio.run(execute(store, run_id))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except sqlite3.OperationalError as error:
        sys.stderr.write(f"error: {path}: {error}. What was written is safe; start the run again.\n")
        return 1
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error} (a defect of qtui; see the log)"
        runs.set_state(store, run_id, "failed", redaction.redact_message(reason))
        return 1
    return 0 if finished == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
