"""The workbench's one way to the store: a thread with a connection of its own, so that no question blocks a key press.

SQLite releases the interpreter lock while it works, and Python threads cannot be stopped: therefore one thread for all
questions, in order, and `close` interrupts the statement that runs instead of waiting for it.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from qtui.store import Store, open_store
from qtui.store.errors import StoreError

T = TypeVar("T")
Job = Callable[[Store | StoreError], None]


class StoreGoneError(StoreError):
    """The store was deleted or moved while the workbench is open."""

    def __init__(self, path: Path, how: str = "was deleted or moved") -> None:
        super().__init__(
            f"The store is gone: {path} {how}. Put it back and this goes on by itself,"
            " or leave (q) and name another: qtui --store FILE"
        )


class StoreReader:
    """Questions and small changes (stars, comments, requests to a runner), answered one after the other.

    What SQLite refuses (a full disk, a locked or vanished file) is raised as StoreError with the store's path. A store that cannot
    be written can be read all the same; a change of it is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.opened = 0
        """How often a store was opened: what is known of an earlier one does not hold for the next."""
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._problem = StoreError(f"{path}: is not open.")
        # A daemon: the program's end never waits for a statement on a slow file system.
        self._thread = threading.Thread(target=self._serve, name="store reader", daemon=True)
        self._thread.start()

    async def read(self, question: Callable[[Store], T]) -> T:
        """The answer to `question(store)`, asked in the reader's thread."""
        return await self._ask(question)

    async def write(self, change: Callable[[Store], T]) -> T:
        """Like `read`, for a change; it is committed when this returns."""
        return await self._ask(change)

    def close(self) -> None:
        """Stop after the statement that is running now, which is interrupted."""
        # Before the thread is told to close it: there is no interrupting a closed connection.
        if self._store is not None and self._thread.is_alive():
            self._store.interrupt()
        self._jobs.put(None)

    async def _ask(self, question: Callable[[Store], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job(store: Store | StoreError) -> None:
            # A cancelled question (its pane was left) is not asked at all.
            if future.cancelled():
                return
            try:
                if isinstance(store, StoreError):
                    raise store
                value = question(store)
            except BaseException as error:
                _tell(loop, _fail, future, error)
            else:
                _tell(loop, _succeed, future, value)

        self._jobs.put(job)
        return await future

    def _serve(self) -> None:
        self._open(create=True)
        while (job := self._jobs.get()) is not None:
            job(self._current())
        if self._store is not None:
            self._store.close()

    def _current(self) -> Store | StoreError:
        """The store that lies at the path now: opened again if it is another one, an error while there is none.

        A deleted file would still answer, and take changes that nobody ever sees again.
        """
        file = _file_at(self.path)
        if file is None:
            return StoreGoneError(self.path)
        if file != self._file and self._store is not None and not _emptied(self._store):
            return StoreGoneError(self.path, "was replaced by another file while other programs use the former one")
        if file != self._file or (self._store is not None and self._store.is_outdated()):
            self._open(create=False)
        return self._store or self._problem

    def _open(self, *, create: bool) -> None:
        if self._store is not None:
            self._store.close()
        self._store, self._file = None, _file_at(self.path)
        try:
            self._store = open_store(self.path, create=create, must_write=False)
        except StoreError as problem:
            self._problem = problem
        else:
            self.opened += 1
            self._file = _file_at(self.path)


def _emptied(former: Store) -> bool:
    """Whether the write-ahead log of a store that another was put in the place of holds nothing any more.

    SQLite knows the log by its name alone: what is in it would be taken for changes of the new store.
    """
    return former.empty_journal()


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file lies there, whatever it is called elsewhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what, *arguments)


def _succeed(future: "asyncio.Future[T]", value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
