"""The command line in this process, on a store of the test's own, its output a pipe."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qtui.cli import cli
from tests.filled_store import fill

GOOD = [4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5]
WORSE = [2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 2]

Invoke = Callable[..., Result]


@pytest.fixture
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two candidates of one model, the one as good as the baseline and the other not; $QTUI_STORE names it."""
    path = tmp_path / "store.sqlite"
    fill(path, grade_of={"FP16": GOOD, "Q4_K_M": GOOD, "Q2_K": WORSE})
    monkeypatch.setenv("QTUI_STORE", str(path))
    return path


@pytest.fixture
def invoke() -> Invoke:
    """`invoke("scores", "--json")` → a result with exit_code, stdout and stderr."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return call
