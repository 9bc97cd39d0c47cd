"""A store that is deleted or replaced under a working runner: the end says where the work is, and it is there."""

import shutil
from pathlib import Path

import pytest

from qtui.store import Store, open_store, runs
from tests.judges.endpoint import endpoint
from tests.runner.test_added_judge import judge, store

__all__ = ["store"]

GRADE = '{"grade": 4, "reason": "良い"}'


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_the_work_of_a_run_whose_store_is_gone_is_saved_and_said(store: Store, tmp_path: Path, how: str) -> None:
    path, away = store.path, tmp_path / "away"
    other = tmp_path / "other.sqlite"
    open_store(other).close()

    def lose(_: str, number: int) -> str:
        if number == 0:
            away.mkdir()
            for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                if file.exists():
                    file.unlink() if how == "deleted" else shutil.move(file, away)
            if how == "replaced":
                shutil.move(other, path)
        return GRADE

    with endpoint(lose) as served:
        done = judge(store, "openai", "--model", "m", "--base-url", served.base_url)

    [saved] = path.parent.glob(f"{path.name}.saved-run-1")
    assert done.returncode == 1
    assert f"{path} was deleted, moved or replaced" in done.stderr
    assert str(saved) in done.stderr
    assert saved.stat().st_mode & 0o077 == 0
    with open_store(saved) as kept:
        [run] = runs.summaries(kept, [1])
        assert run.answered == run.expected
        assert "was deleted, moved or replaced" in run.reason
