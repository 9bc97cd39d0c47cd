"""What SQLite and the disk refuse comes as one family of errors; what is a defect of qtui keeps its own type."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.store import Store, connection, open_store
from qtui.store.cursor import StoreCursor
from qtui.store.errors import (
    LeaseHeldError,
    NoSpaceError,
    StoreBusyError,
    StoreConflictError,
    StoreError,
    UnwritableError,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s.sqlite")


def test_every_error_of_the_store_is_a_store_error_and_one_of_the_user() -> None:
    family = (NoSpaceError, UnwritableError, StoreBusyError, StoreConflictError, LeaseHeldError)
    assert all(issubclass(each, StoreError) for each in family)
    assert issubclass(StoreError, UserError)


def test_missing_file_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there"):
        open_store(tmp_path / "none.sqlite", create=False)


def test_change_under_a_foreign_lock_says_that_the_store_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    with closing(open_store(tmp_path / "s.sqlite")) as one, closing(open_store(tmp_path / "s.sqlite")) as two:
        locked = pytest.raises(StoreBusyError, match=r"s\.sqlite: database is locked.* What was written is safe")
        with one.writing(), locked, two.writing():
            pass
        with two.writing():
            two.execute("INSERT INTO task_set (hash, name) VALUES ('h', 'n')")


def test_row_that_refers_to_a_deleted_one_is_a_conflict(store: Store) -> None:
    with pytest.raises(StoreConflictError, match="FOREIGN KEY"), store.writing():
        store.execute("INSERT INTO note (run_id, model, task_id) VALUES (99, 'm', 1)")


def test_error_while_rows_are_read_is_a_store_error(store: Store) -> None:
    question = (
        "SELECT json_extract(value, '$.x') FROM (SELECT '{}' AS value UNION ALL SELECT '{}' UNION ALL SELECT '{')"
    )
    for read in (StoreCursor.fetchall, list, lambda cursor: [cursor.fetchone() for _ in range(3)]):
        cursor = store.execute(question)
        with pytest.raises(StoreError, match="malformed JSON"):
            read(cursor)


def test_damaged_file_is_a_store_error_that_says_how_to_rescue_it(tmp_path: Path, store: Store) -> None:
    with store.writing():
        store.executemany("INSERT INTO task_set (hash, name) VALUES (?, ?)", [(str(i), "n" * 500) for i in range(200)])
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    content = bytearray((tmp_path / "s.sqlite").read_bytes())
    content[8 * 4096 :] = b"\xff" * (len(content) - 8 * 4096)
    (tmp_path / "s.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match=r"store is damaged \(its list of tables.*`qtui repair .*s.sqlite` saves"):
        open_store(tmp_path / "s.sqlite").execute("SELECT sum(length(name)) FROM task_set").fetchall()


def test_wrong_number_of_parameters_is_a_defect_and_no_store_error(store: Store) -> None:
    with pytest.raises(sqlite3.ProgrammingError):
        store.execute("SELECT ?")


def test_closed_store_is_interrupted_without_an_error(store: Store) -> None:
    store.close()
    store.interrupt()
