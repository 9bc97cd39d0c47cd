"""The machine that a test describes."""

from pathlib import Path

import pytest

from tests.device.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
