import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.store import Store, notes, open_store, runs
from qtui.ui.data.reader import StoreGoneError, StoreReader
from tests.ui.conftest import fill


@pytest.fixture
def reader(store_path: Path, study: int) -> Iterator[StoreReader]:
    opened = StoreReader(store_path)
    yield opened
    opened.close()


async def test_questions_are_answered_in_a_thread_of_the_readers_own(reader: StoreReader) -> None:
    asked_in = await reader.read(lambda store: threading.current_thread().name)
    assert asked_in == "store reader"


async def test_a_change_is_committed_when_write_returns(reader: StoreReader, store: Store, study: int) -> None:
    await reader.write(lambda s: notes.put(s, study, "org/small", 2, notes.Note(True, "短い")))
    assert notes.of_model(store, study, "org/small") == {2: notes.Note(True, "短い")}


async def test_what_sqlite_refuses_is_an_error_with_the_stores_path(reader: StoreReader, store_path: Path) -> None:
    with pytest.raises(UserError, match=f"{store_path}: no such table: nowhere"):
        await reader.read(lambda store: store.execute("SELECT * FROM nowhere"))


async def test_a_failed_question_does_not_end_the_reader(reader: StoreReader) -> None:
    with pytest.raises(ZeroDivisionError):
        await reader.read(lambda store: 1 // 0)
    assert await reader.read(lambda store: 1) == 1


async def test_damage_of_another_store_explains_no_failure(reader: StoreReader, tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "other.sqlite")) as other:
        fill(other)
        other.execute("UPDATE variant SET conditions = 'no JSON'")
    with pytest.raises(ZeroDivisionError):
        await reader.read(lambda store: 1 // 0)


async def test_a_store_that_cannot_be_opened_is_said_at_each_question(tmp_path: Path) -> None:
    reader = StoreReader(tmp_path)
    for _ in range(2):
        with pytest.raises(UserError, match="is a folder, not a store"):
            await reader.read(lambda store: 1)
    reader.close()


async def test_close_interrupts_the_question_that_runs(store_path: Path, store: Store) -> None:
    reader = StoreReader(store_path)
    began = threading.Event()

    def forever(s: Store) -> None:
        began.set()
        s.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n").fetchone()

    question = asyncio.create_task(reader.read(forever))
    await asyncio.to_thread(began.wait, 10)
    # The statement begins a moment after the event: interrupt until it is caught.
    while not question.done():
        reader.close()
        await asyncio.sleep(0.01)
    with pytest.raises(UserError, match="interrupted"):
        await question


async def test_a_store_that_is_gone_is_an_error_also_for_changes_and_goes_on_when_it_is_back(
    reader: StoreReader, store_path: Path, study: int
) -> None:
    await reader.read(lambda store: 1)
    away = store_path.rename(store_path.with_name("away.sqlite"))
    with pytest.raises(StoreGoneError, match="Restore the file"):
        await reader.read(lambda store: 1)
    with pytest.raises(StoreGoneError):
        await reader.write(lambda s: notes.put(s, study, "org/small", 2, notes.Note(True, "")))
    assert not store_path.exists()
    away.rename(store_path)
    assert await reader.read(lambda store: 1) == 1


async def test_another_store_put_in_its_place_is_opened_without_the_former_one_s_log(
    store_path: Path, store: Store, study: int, tmp_path: Path
) -> None:
    other = open_store(tmp_path / "other.sqlite")
    fill(other, "the other")
    other.close()
    reader = StoreReader(store_path)
    assert [run.experiment for run in await reader.read(runs.summaries)] == ["study"]
    store.close()
    assert store_path.with_name("store.sqlite-wal").stat().st_size > 0
    opened = reader.opened
    (tmp_path / "other.sqlite").rename(store_path)
    assert [run.experiment for run in await reader.read(runs.summaries)] == ["the other"]
    assert reader.opened == opened + 1
    reader.close()
    reopened = open_store(store_path)
    assert reopened.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    reopened.close()
