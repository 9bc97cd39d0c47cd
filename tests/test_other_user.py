"""What the tests say of another user is found out by trying."""

import os
from pathlib import Path

import pytest

from tests.other_user import what_it_lacks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_file_that_another_user_cannot_reach_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    file.write_text("")
    tmp_path.chmod(0o700)
    assert "another user cannot" in what_it_lacks(file)


def test_interpreter_that_another_user_cannot_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\n")
    interpreter.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(interpreter))
    assert what_it_lacks(Path("/dev/null")) == f"another user cannot run {interpreter} (Permission denied)"
