"""verify, backup, merge, upgrades and many processes at once: a store stays whole and complete."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.store import backups, connection, grades, merging, notes, open_store, runs, verifying
from qtui.store.notes import Note
from qtui.store.schema import MIGRATIONS
from tests.filled_store import fill
from tests.store.old_store import fill_old

GRADES = {"FP16": [5] * 12, "Q4_K_M": [4] * 12, "Q2_K": [3] * 12}
WRITERS = 8


def qtui(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qtui", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_store_of_any_version_is_saved_then_upgraded(tmp_path: Path, version: int) -> None:
    path = tmp_path / "s.sqlite"
    fill_old(path, version, GRADES)
    assert verifying.verify(path).is_whole
    with closing(open_store(path)) as store:
        assert runs.summaries(store)[0].answered == 36
    saved = tmp_path / f"s.sqlite.backup-v{version}"
    assert verifying.verify(saved).version == version
    assert saved.stat().st_mode & 0o077 == 0
    assert verifying.verify(path).is_whole


def test_a_store_that_cannot_be_saved_is_not_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    path = tmp_path / "s.sqlite"
    fill_old(path, 9, GRADES)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, old[1]))
    try:
        with pytest.raises(UserError, match="could not be saved before"):
            open_store(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert verifying.verify(path).version == 9
    assert list(tmp_path.glob("*backup*")) == list(tmp_path.glob(".*part*")) == []


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_refused_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/null") if kind == "device" else tmp_path / "s"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    with pytest.raises(UserError, match=f"is a {kind}, not a store"):
        open_store(path)
    assert not list(path.parent.glob(f"{path.name}-*"))


def test_a_backup_never_replaces_a_file_unless_forced(tmp_path: Path) -> None:
    fill(tmp_path / "s.sqlite", grade_of=GRADES)
    (tmp_path / "copy").write_text("mine")
    command = ("backup", str(tmp_path / "copy"), "--store", str(tmp_path / "s.sqlite"))
    refused = qtui(*command)
    assert (refused.returncode, (tmp_path / "copy").read_text()) == (1, "mine")
    assert "exists already" in refused.stderr
    assert qtui(*command, "--force").returncode == 0
    assert verifying.verify(tmp_path / "copy").is_whole


def test_merging_adds_everything_once_and_leaves_the_source(tmp_path: Path) -> None:
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    fill(one, "pets", grade_of=GRADES)
    fill(two, "zoo", grade_of=GRADES)
    with closing(open_store(two)) as store:
        place = next(iter(grades.places(store, 1).values()))
        grades.commit_human(store, place, 2, "mine")
        notes.put(store, 1, "pet-7b", 3, Note(True, "look"))
        store.empty_journal()
    before = two.read_bytes()

    first = merging.merge(two, one)
    again = merging.merge(two, one)

    assert two.read_bytes() == before
    assert first.added["answer"] == 36
    assert first.added["grade"] == 37
    assert not +again.added
    assert (first.conflicts, again.conflicts) == ([], [])
    assert verifying.verify(one).is_whole
    with closing(open_store(one)) as store:
        assert [run.answered for run in runs.summaries(store)] == [36, 36]
        assert notes.of_model(store, 2, "pet-7b") == {3: Note(True, "look")}
        assert [row["grade"] for row in grades.rows(store, [2]) if row["judge"] == grades.HUMAN] == [2]


def test_merging_keeps_the_targets_side_of_a_difference_and_says_so(tmp_path: Path) -> None:
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    fill(one, grade_of=GRADES)
    fill(two, grade_of=GRADES | {"FP16": [1] * 12})
    merged = merging.merge(two, one)
    assert len(merged.conflicts) == 12
    assert "grade differs" in merged.conflicts[0]
    with closing(open_store(one)) as store:
        assert {row["grade"] for row in grades.rows(store, [1]) if row["name"] == "FP16"} == {5}


def test_eight_writers_a_reader_and_a_backup_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    program = (
        "import sys; from pathlib import Path; from tests.filled_store import fill\n"
        "fill(Path(sys.argv[1]), sys.argv[2], grade_of={'FP16': [5] * 12, 'Q4_K_M': [4] * 12, 'Q2_K': [3] * 12})"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), f"e{number}"], stderr=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    count = 0
    while any(writer.poll() is None for writer in writers):
        with closing(open_store(path, must_write=False)) as store:
            runs.listed(store)
        backups.save(path, tmp_path / "copy", replaces=True)
        assert verifying.verify(tmp_path / "copy").is_whole
        count += 1
    assert [writer.communicate()[1] for writer in writers] == [""] * WRITERS
    assert count > 0
    with closing(open_store(path)) as store:
        assert [run.answered for run in runs.summaries(store)] == [36] * WRITERS
    assert verifying.verify(path).is_whole


def test_two_processes_that_open_an_old_store_upgrade_it_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    fill_old(path, 7, GRADES)
    program = (
        "import sys; from pathlib import Path; from qtui.store import open_store; open_store(Path(sys.argv[1])).close()"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [opener.communicate()[1] for opener in openers] == [""] * 4
    assert len(list(tmp_path.glob("s.sqlite.backup-*"))) == 1
    assert verifying.verify(path).is_whole


def test_a_store_knows_that_its_file_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with closing(open_store(path)) as store:
        assert store.is_in_place()
        path.rename(tmp_path / "away")
        assert not store.is_in_place()
        connection.open_store(path).close()
        assert not store.is_in_place()
