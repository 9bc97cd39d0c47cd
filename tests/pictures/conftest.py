"""What makes a picture the same on every machine: the store, the clock, the colours, and no facts of this machine."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from qtui.store import open_store, runs
from tests import stores
from tests.filled_store import fill
from tests.ui.figures_child import figures_child, shared_child

__all__ = ["figures_child", "shared_child"]

PYTHON = (3, 11)
NOON = 1_714_564_800.0
"""1 May 2024, 12:00 UTC: a year that is over, so that dates are shown with it."""
ENVIRONMENT = {
    "TZ": "UTC",
    "COLORTERM": "truecolor",
    "TERM": "xterm-256color",
    "TEXTUAL_ANIMATIONS": "none",
    "CUDA_VISIBLE_DEVICES": "",
    "HIP_VISIBLE_DEVICES": "",
    "ROCR_VISIBLE_DEVICES": "",
}
GRADES: dict[str, Sequence[int | None]] = {
    "FP16": [4, 5, 3, 4, 2, 5, 4, 4, 3, 5, 4, 4],
    "Q4_K_M": [4, 5, 3, 4, 2, 4, 4, 4, 3, 5, 3, 4],
    "Q2_K": [3, 4, 1, 1, 2, 3, 4, None, 2, 4, 3, 2],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the pictures where they cannot be compared."""
    reason = ""
    if sys.version_info[:2] != PYTHON:
        reason = "pictures are compared on Python 3.11 alone: other versions break some lines elsewhere"
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock that stands still in UTC, all colours, a home folder and a host with the same names everywhere."""
    monkeypatch.setattr(time, "time", lambda: NOON)
    monkeypatch.setattr("socket.gethostname", lambda: "gpu-2")
    for name, value in {**ENVIRONMENT, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two finished runs, in an empty current folder."""
    folder = tmp_path / "current"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = tmp_path / "store.sqlite"
    fill(path, "birds")
    finish(path, fill(path, "pets", grade_of=GRADES))
    return path


def finish(path: Path, run_id: int) -> None:
    """Have the run begin and end at the time of the clock."""
    with closing(open_store(path)) as store:
        runs.begin(store, run_id)
        stores.finish(store, run_id)
