"""Analysis for the panes, in a process of its own.

A thread of numpy or pure Python in the interface's process adds up to a second of latency to a key (the interpreter lock); a
child on the other core adds milliseconds. The interface therefore never imports numpy, pandas, scipy or plotext: it asks here,
and gets plain dataclasses back. The child starts when first asked, runs at low priority, and ends with its parent however
that ends.
"""

import asyncio
import contextlib
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from qtui.errors import UserError

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

T = TypeVar("T")

RESULTS_KEPT = 64
NICENESS = 5
"""Behind the keys and before nothing else: with 10 a pane waited many seconds while a model ran on every core."""
WARM_UP = ("numpy", "pandas", "scipy.stats", "plotext")
_Key = tuple[Callable[..., Any], tuple[Any, ...], Hashable]


class Numbers:
    """Asks functions of `qtui.results` and `qtui.charts` in the child and keeps what they answered.

    `version` is the store's (`Store.changes_seen()`), set by whoever watches it: an answer belongs to the version it was
    asked at, so that a changed store is asked again and an unchanged one is not.
    """

    def __init__(self) -> None:
        self.version: Hashable = None
        self._pool: ProcessPoolExecutor | None = None
        self._children: list[BaseProcess] = []
        self._answers: OrderedDict[_Key, asyncio.Task[Any]] = OrderedDict()
        self._closed = False

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(*arguments)` from the child: a module's own function, hashable arguments, a result without numpy.

        Raises what the function raised if that is a UserError; any other failure of it as a UserError that names it.
        """
        key = (function, arguments, self.version)
        task = self._answers.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(self._ask(function, arguments))
            task.add_done_callback(_look_at_the_exception)
            self._answers[key] = task
            while len(self._answers) > RESULTS_KEPT:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        # Shielded: a pane that lost interest does not take the answer from another that asked the same.
        answer: T = await asyncio.shield(task)
        return answer

    def warm(self) -> None:
        """Start the child and let it import what it will need, without waiting: called once the first frame is up."""
        if not self._closed:
            self._start().submit(_import_libraries)

    def close(self) -> None:
        """End the child at once, whatever it computes; the interpreter's exit has then nothing to wait for."""
        self._closed = True
        for task in self._answers.values():
            task.cancel()
        self._end_pool()

    async def _ask(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        from concurrent.futures.process import BrokenProcessPool

        for attempt in (1, 2):
            if self._closed:
                raise asyncio.CancelledError
            pool = self._start()
            try:
                outcome = await asyncio.wrap_future(pool.submit(_call, function, arguments))
            except BrokenProcessPool:
                if self._closed:
                    raise asyncio.CancelledError from None
                if pool is self._pool:
                    self._end_pool()
                if attempt == 1:
                    continue
                raise UserError(
                    f"The process that computes figures died twice at {function.__name__} (killed for memory?). "
                    "`qtui doctor` shows what this machine has."
                ) from None
            if isinstance(outcome, _Failure):
                raise UserError(outcome.message)
            answer: T = outcome
            return answer
        raise AssertionError("unreachable")

    def _start(self) -> "ProcessPoolExecutor":
        if self._pool is None:
            import multiprocessing
            from concurrent.futures import ProcessPoolExecutor

            _start_resource_tracker()
            before = set(multiprocessing.active_children())
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_settle_in)
            self._pool.submit(os.getpid)  # the executor starts its process at the first submission
            self._children = [child for child in multiprocessing.active_children() if child not in before]
        return self._pool

    def _end_pool(self) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.kill()
        self._pool, self._children = None, []


def _start_resource_tracker() -> None:
    """multiprocessing's helper inherits stderr by its number; a running Textual app has put something without one there."""
    from multiprocessing import resource_tracker

    with contextlib.redirect_stderr(sys.__stderr__):
        resource_tracker.ensure_running()


@dataclass(frozen=True, slots=True)
class _Failure:
    """An exception as text: the exception itself could need numpy to be unpickled."""

    message: str


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except UserError as error:
        return _Failure(str(error))
    except Exception as error:
        return _Failure(f"{function.__module__}.{function.__name__}: {type(error).__name__}: {error}")


def _settle_in() -> None:
    """In the child: low priority, one thread, no word to the terminal, and no life after its parent."""
    import multiprocessing
    import threading

    os.nice(NICENESS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: "BaseProcess") -> None:
    parent.join()
    os._exit(0)


def _import_libraries() -> None:
    import importlib

    for name in WARM_UP:
        importlib.import_module(name)


def _look_at_the_exception(task: "asyncio.Task[Any]") -> None:
    """Whoever asked may be gone; asyncio would report an exception that nobody looked at on the terminal."""
    if not task.cancelled():
        task.exception()
