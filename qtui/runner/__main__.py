"""Entry of the runner's process. Its stdout and stderr are a log file; nobody may be there to read a terminal."""

import argparse
import asyncio
import sqlite3
import sys
import traceback
from pathlib import Path

from qtui.errors import UserError
from qtui.runner import LEASE_IS_HELD
from qtui.runner.execution import execute
from qtui.store import leases, open_store, runs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m qtui.runner", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    arguments = parser.parse_args()
    store = open_store(arguments.store, create=False)
    try:
        finished = asyncio.run(execute(store, arguments.run))
    except leases.LeaseHeldError as error:
        sys.stderr.write(f"{error}\n")
        return LEASE_IS_HELD
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except sqlite3.OperationalError as error:
        sys.stderr.write(f"error: {arguments.store}: {error}. What was written is safe; start the run again.\n")
        return 1
    except Exception as error:
        traceback.print_exc()
        runs.set_state(
            store, arguments.run, "failed", f"{type(error).__name__}: {error} (a defect of qtui; see the log)"
        )
        return 1
    return 0 if finished == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
