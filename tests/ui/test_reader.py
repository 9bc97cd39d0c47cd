import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.store import Store, notes
from qtui.ui.reader import StoreReader


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
