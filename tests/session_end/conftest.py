import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.session_end.system import System


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path / "root")


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of one place."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
