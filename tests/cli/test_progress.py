"""A run's progress where stderr is no terminal: one line per change of state, names from outside as they are."""

from pathlib import Path

import pytest

from qtui.cli.progress import watch
from qtui.store import open_store
from tests.cli.conftest import GOOD
from tests.filled_store import fill


def watched(path: Path, run_id: int) -> None:
    store = open_store(path)
    watch(store, run_id)
    store.close()


def test_judges_have_their_lines_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path, grade_of={"FP16": GOOD})
    store = open_store(path)
    with store.writing():
        store.execute("UPDATE judge SET state = 'done'")
    store.close()
    watched(path, run_id)
    assert "judge openai:strict: done (12/12)" in capsys.readouterr().err


def test_a_name_between_colons_is_no_emoji(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    store = open_store(path)
    with store.writing():
        store.execute("UPDATE run SET state = 'failed', reason = 'judge openai:loop: gone :smile:'")
    store.close()
    watched(path, run_id)
    told = capsys.readouterr().err
    assert "run 1 failed: 36 of 36 answers" in told
    assert "judge openai:loop: gone :smile:" in told
