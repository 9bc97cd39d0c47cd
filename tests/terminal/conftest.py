import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.store import leases, open_store, runs


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """Where a store of this test is or will be. What still runs in it at the end of the test is killed."""
    path = tmp_path / "store.sqlite"
    yield path
    opened = open_store(path)
    for run in runs.summaries(opened):
        if holder := leases.holder(opened, run.id):
            os.kill(holder.pid, signal.SIGKILL)
