"""The workbench's only access to the store: a thread with its own connection, so that no query blocks a key press.

SQLite releases the interpreter lock while it works, and Python threads cannot be stopped: therefore one thread runs all queries
in order, and `close` interrupts the current statement instead of waiting for it.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from qtui.store import Store, damage, open_store
from qtui.store.connection import file_at
from qtui.store.errors import StoreError

T = TypeVar("T")
Job = Callable[[Store | StoreError], None]


class StoreGoneError(StoreError):
    """The store was deleted or moved while the workbench is open."""

    def __init__(self, path: Path, how: str = "was deleted or moved") -> None:
        super().__init__(
            f"The store is gone: {path} {how}. Restore the file to continue,"
            " or quit (q) and open another: qtui --store FILE"
        )


class StoreReader:
    """Runs queries and small changes (stars, comments, requests to a runner), one after the other.

    Errors of SQLite (a full disk, a locked or deleted file) are raised as StoreError with the store's path. A read-only store can
    be read; a change raises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.opened = 0
        """How often a store was opened: data of an earlier one may not match the next."""
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._problem = StoreError(f"{path}: is not open.")
        # A daemon thread: exiting never waits for a statement on a slow file system.
        self._thread = threading.Thread(target=self._serve, name="store reader", daemon=True)
        self._thread.start()

    async def read(self, question: Callable[[Store], T]) -> T:
        """Return `question(store)`, called in the reader's thread."""
        return await self._ask(question)

    async def write(self, change: Callable[[Store], T]) -> T:
        """Like `read`, for a change; it is committed when this returns."""
        return await self._ask(change)

    def close(self) -> None:
        """Interrupt the current statement and stop."""
        # Before the thread closes it: a closed connection cannot be interrupted.
        if self._store is not None and self._thread.is_alive():
            self._store.interrupt()
        self._jobs.put(None)

    async def _ask(self, question: Callable[[Store], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job(store: Store | StoreError) -> None:
            # A cancelled question (the user left the pane) is skipped.
            if future.cancelled():
                return
            try:
                if isinstance(store, StoreError):
                    raise store
                value = question(store)
            except BaseException as error:
                # What a question cannot make sense of may be damage, which this thread looks for.
                _call_in_loop(loop, _fail, future, damage.cause_of(error, self.path) or error)
            else:
                _call_in_loop(loop, _succeed, future, value)

        self._jobs.put(job)
        return await future

    def _serve(self) -> None:
        self._open(create=True)
        while (job := self._jobs.get()) is not None:
            job(self._current())
        if self._store is not None:
            self._store.close()

    def _current(self) -> Store | StoreError:
        """Return the store at the path, opened again if the file was replaced; an error if there is none.

        Without this check a deleted file would still answer, and accept changes that are lost.
        """
        file = file_at(self.path)
        if file is None:
            return StoreGoneError(self.path)
        if file != self._file and self._store is not None and not _has_empty_journal(self._store):
            return StoreGoneError(self.path, "was replaced while other programs still use the previous file")
        if file != self._file or (self._store is not None and self._store.is_outdated()):
            self._open(create=False)
        return self._store or self._problem

    def _open(self, *, create: bool) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._file = None, file_at(self.path)
        try:
            self._store = open_store(self.path, create=create, must_write=False)
        except StoreError as problem:
            self._problem = problem
        else:
            self.opened += 1
            self._file = file_at(self.path)


def _has_empty_journal(former: Store) -> bool:
    """Whether the write-ahead log of a replaced store is empty.

    SQLite finds the log by its name: it would apply a leftover log to the new store.
    """
    return former.empty_journal()


def _call_in_loop(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, *arguments)


def _succeed(future: "asyncio.Future[T]", value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
