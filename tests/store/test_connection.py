import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qtui.errors import UserError
from qtui.store import connection, open_store
from qtui.store.cursor import StoreCursor
from qtui.store.schema import MIGRATIONS


def test_new_store_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = open_store(tmp_path / "deep" / "s.sqlite")
        store.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'n')")
    finally:
        os.umask(old)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}
    assert modes == {0o600}


def test_local_disk_uses_wal(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    assert store.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_network_file_system_uses_a_rollback_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No network file system can be mounted here: only its name is stood in for.
    monkeypatch.setattr(connection, "file_system", lambda _: "nfs4")
    store = open_store(tmp_path / "s.sqlite")
    assert store.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


def test_file_system_of_a_path_is_that_of_its_longest_mount_point() -> None:
    assert connection.file_system(Path("/proc/self/status")) == "proc"


def test_missing_store_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.sqlite: no store there.*qtui demo"):
        open_store(tmp_path / "none.sqlite", create=False)


def test_text_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database at all, but long enough to have a header " * 20)
    before = file.read_bytes()
    with pytest.raises(UserError, match="is not a store"):
        open_store(file)
    assert file.read_bytes() == before


def test_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(UserError, match="another program"):
        open_store(file)
    assert [row[0] for row in sqlite3.connect(file).execute("SELECT name FROM sqlite_master")] == ["t"]


def test_store_of_a_newer_qtui_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    store.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    store.close()
    with pytest.raises(UserError, match="newer qtui"):
        open_store(tmp_path / "s.sqlite")


@pytest.mark.parametrize("statements", range(1, 8))
def test_store_that_another_process_makes_while_it_is_opened_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    path = tmp_path / "s.sqlite"

    class Overtaken(connection.Store):
        """After so many of its statements another process makes the store."""

        left = statements

        def execute(self, *arguments: Any) -> StoreCursor:
            if self.left == 0 and not self.in_transaction:
                make_by_another(path)
            self.left -= 1
            return super().execute(*arguments)

    monkeypatch.setattr(connection, "Store", Overtaken)
    store = open_store(path)
    assert store.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def make_by_another(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from qtui.store import open_store; open_store(Path(sys.argv[1])).close()"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_folder_in_place_of_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        open_store(tmp_path)


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    with pytest.raises(RuntimeError), store.writing():
        store.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'n')")
        raise RuntimeError
    assert store.execute("SELECT count(*) FROM task_set").fetchone()[0] == 0


def test_changes_of_another_connection_are_seen(tmp_path: Path) -> None:
    one, two = open_store(tmp_path / "s.sqlite"), open_store(tmp_path / "s.sqlite")
    before = one.changes_seen()
    assert one.changes_seen() == before
    two.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'n')")
    assert one.changes_seen() != before
