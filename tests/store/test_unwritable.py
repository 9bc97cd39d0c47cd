"""Stores that can only be read: on a read-only disk, of another user, on a full disk; and a disk that gets full under a change."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.records import Task, TaskSet
from qtui.store import Store, connection, new_runs, open_store
from qtui.store.errors import NoSpaceError
from tests import other_user
from tests.filled_store import fill
from tests.mounts import ROOT, run_with_own_mounts

READING = ("runs", "scores", "lengths", "compare 1", "export answers", "divergence --known")
WRITING = ("cancel 1", "judge reference")

Told = dict[str, tuple[int, str, str]]


def on_read_only_disk(tmp_path: Path, *files: Path) -> Told:
    disk = tmp_path / "disk"
    disk.mkdir()
    told: Told = json.loads(run_with_own_mounts("tests.store.read_only_disk", disk, *files))
    return told


def test_reading_commands_work_on_a_read_only_disk(tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite", grade_of={"FP16": [3] * 12, "Q4_K_M": [4] * 12})
    told = on_read_only_disk(tmp_path, tmp_path / "s.sqlite")
    assert {command: told[command][2] for command in READING if told[command][0]} == {}
    assert "pets" in told["runs"][1]
    assert "pet-7b" in told["scores"][1]


def test_writing_commands_say_that_the_store_cannot_be_written(tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite")
    told = on_read_only_disk(tmp_path, tmp_path / "s.sqlite")
    for command in WRITING:
        status, _, stderr = told[command]
        assert status == 1
        assert "s.sqlite: can be read but not written" in stderr
        assert "copy it to a folder of your own" in stderr


def killed_writer(tmp_path: Path) -> Path:
    """A store as a killed process leaves it: its newest part in the journal."""
    store = open_store(tmp_path / "live.sqlite")
    new_runs.add(store, new_runs.NewRun("newest", "p", "", "run", "", TaskSet("t", (Task("問い", "", ""),)), []))
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(tmp_path / f"live.sqlite{suffix}", tmp_path / f"dead.sqlite{suffix}")
    store.close()
    return tmp_path / "dead.sqlite"


def test_what_a_killed_writer_left_in_the_journal_is_read_on_a_read_only_disk(tmp_path: Path) -> None:
    dead = killed_writer(tmp_path)
    told = on_read_only_disk(tmp_path, dead, Path(f"{dead}-wal"), Path(f"{dead}-shm"))
    assert "newest" in told["runs"][1], told["runs"][2]


def test_journal_that_cannot_be_read_is_named_instead_of_left_out(tmp_path: Path) -> None:
    dead = killed_writer(tmp_path)
    told = on_read_only_disk(tmp_path, dead, Path(f"{dead}-wal"))
    assert told["runs"][0] == 1
    assert "its latest changes are in dead.sqlite-wal" in told["runs"][2]


@pytest.fixture
def others_store(tmp_path: Path) -> Path:
    """A store that others may read and not write, in a folder that they reach."""
    if os.geteuid() == 0:
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(0o755)
    folder = tmp_path / "theirs"
    folder.mkdir()
    fill(folder / "s.sqlite")
    (folder / "s.sqlite").chmod(0o444)
    folder.chmod(0o555)
    return folder / "s.sqlite"


def as_other_user(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.as_nobody", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode and (reason := other_user.what_it_lacks(path)):
        pytest.skip(reason)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_store_of_another_user_can_be_read_and_says_that_it_cannot_be_written(others_store: Path) -> None:
    told = as_other_user(others_store)
    assert told["experiments"] == ["pets"]
    assert "can be read but not written" in told["writing"]
    assert "can be read but not written" in told["change"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write where another user cannot")
def test_store_of_another_user_who_writes_just_now_shows_the_newest(others_store: Path) -> None:
    store = open_store(others_store)
    new_runs.add(store, new_runs.NewRun("newest", "p", "", "run", "", TaskSet("t", (Task("問い", "", ""),)), []))
    assert as_other_user(others_store)["experiments"] == ["newest", "pets"]
    store.close()


def test_store_taken_for_unchanging_knows_when_it_changed(tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite")
    store = open_store(tmp_path / "s.sqlite")
    store.frozen_at = connection.last_change(store.path)
    assert not store.is_outdated()
    with (tmp_path / "s.sqlite").open("ab") as file:
        file.write(b"more")
    assert store.is_outdated()


def limit_file_sizes(limit: int) -> tuple[int, int]:
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    return old


def write_much(store: Store) -> None:
    with store.writing():
        store.execute("INSERT INTO task_set (hash, name) VALUES ('h', ?)", ("x" * 4_000_000,))


def test_change_that_the_disk_has_no_room_for_is_undone_and_the_store_goes_on(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    old = limit_file_sizes(1_000_000)
    try:
        with pytest.raises(NoSpaceError, match="cannot write more data"):
            write_much(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert store.execute("SELECT count(*) FROM task_set").fetchone()[0] == 0
    write_much(store)
    assert store.execute("SELECT count(*) FROM task_set").fetchone()[0] == 1


def test_read_only_connection_refuses_a_change_in_words(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    store.execute("PRAGMA query_only = ON")
    with pytest.raises(UserError, match="can be read but not written"):
        write_much(store)
