"""The figures process: analysis for the panes in a child process.

In a thread of the workbench, numpy or pure Python adds up to a second of latency to a key (the interpreter lock); a child process
adds milliseconds. Therefore the workbench never imports numpy, pandas, scipy or plotext: it asks the child, which returns plain
dataclasses. The child starts at the first question, runs at low priority, and ends with its parent, even if that is killed.
"""

import asyncio
import contextlib
import math
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from qtui import paths
from qtui.errors import UserError
from qtui.processes import child_process, log
from qtui.results import kept_figures
from qtui.store import file_state
from qtui.store.kept_values import Kept

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

T = TypeVar("T")

RESULTS_KEPT = 64
STDERR = 2
EXIT_SECONDS = 2.0
NICENESS = 5
"""Low enough to keep keys fast; with 10 a pane waited many seconds while a model ran on every core."""
WARM_UP = ("numpy", "pandas", "scipy.stats", "plotext")
REST = 8.0
"""An answer stays valid after a change of the store for REST times as long as it took to compute, so that a run that writes all
the time leaves the cores to the model. At least LEAST_REST, at most MOST_REST seconds."""
LEAST_REST, MOST_REST = 1.0, 30.0
KEPT_FROM = 0.5
"""Seconds of computing from which figures are kept on the disk, and old ones shown while newer ones are computed: what takes less
is computed anew sooner than anybody reads that it is old."""
_Question = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Standing(Generic[T]):
    """Figures, and whether they are those of the store as it is."""

    figures: T
    is_current: bool


class Numbers:
    """Calls functions of `qtui.results` and `qtui.charts` in the child and caches their results.

    `version` is the store's (`Store.changes_seen()`), set by the main screen: an answer belongs to the version at which it was
    requested, so that nothing is computed twice for an unchanged store.
    """

    def __init__(self) -> None:
        self.version: Hashable = None
        self._child: Child | None = None
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._closed = False

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return `function(*arguments)`, called in the child: a module-level function, hashable arguments, a result without numpy.

        Raises UserError: the function's own, or one that names any other failure.
        """
        answer: T = await self._cached((function, arguments), rested=False)
        return answer

    async def ask_anew(self, function: Callable[..., T], *arguments: Any) -> T:
        """Like `ask`, but never an earlier answer: for what must know what a person did a moment ago."""
        self._answers.pop((function, arguments), None)
        return await self.ask(function, *arguments)

    async def ask_at_leisure(self, function: Callable[..., T], *arguments: Any) -> T:
        """Like `ask`, but an answer stays valid for a while after the store has changed; see `due`."""
        answer: T = await self._cached((function, arguments), rested=True)
        return answer

    async def ask_standing(self, function: Callable[..., T], store: Path, *arguments: Any) -> "Standing[T]":
        """Like `ask_at_leisure`, but at once where there are figures of an earlier state of the store, in memory or on the disk.

        They are returned as not current; `pending` then ends when the current ones are there.
        """
        question = (function, (store, *arguments))
        if question not in self._answers:
            kept = await asyncio.to_thread(kept_figures.read, function, store, *arguments)
            if kept is not None and question not in self._answers:
                self._answers[question] = _Answer.of_kept(kept, self.version)
        figures = await self._cached(question, rested=True, may_stand=True)
        if isinstance(figures, Standing):
            return figures
        return Standing(figures, is_current=True)

    def pending(self, function: Callable[..., Any], *arguments: Any) -> "asyncio.Task[Any] | None":
        """Return the task that computes the answer, if it is not done."""
        cached = self._answers.get((function, arguments))
        return None if cached is None or cached.task.done() else cached.task

    def due(self, function: Callable[..., Any], *arguments: Any) -> float:
        """Return the seconds until `ask_at_leisure` computes anew; 0 if the cached answer is up to date."""
        cached = self._answers.get((function, arguments))
        return 0.0 if cached is None or cached.version == self.version else max(0.01, cached.rests_for())

    def warm(self) -> None:
        """Start the child and let it import its libraries, without waiting; called after the first frame."""
        if not self._closed:
            self._start().submit(import_libraries)

    def close(self) -> None:
        """Kill the child at once, so that exiting does not wait for it."""
        self._closed = True
        for answer in self._answers.values():
            answer.task.cancel()
        self._end_child()

    async def _cached(self, question: _Question, *, rested: bool, may_stand: bool = False) -> Any:
        cached = self._answers.get(question)
        changed = cached is not None and cached.version != self.version and not (rested and cached.rests_for() > 0)
        if cached is None or cached.failed or changed:
            # The first time includes starting the child and importing: it does not predict the next.
            most = LEAST_REST if cached is None else MOST_REST
            before = None if cached is None else cached.standing()
            cached = _Answer(self.version, asyncio.create_task(self._ask(*question, keeps=may_stand)), most, before)
            self._answers[question] = cached
            while len(self._answers) > RESULTS_KEPT:
                self._answers.popitem(last=False)
        self._answers.move_to_end(question)
        if may_stand and cached.before is not None and not cached.task.done():
            return cached.before
        # Shielded: a pane that cancels its question does not cancel the same question of another pane.
        return await asyncio.shield(cached.task)

    async def _ask(self, function: Callable[..., T], arguments: tuple[Any, ...], *, keeps: bool) -> T:
        from concurrent.futures.process import BrokenProcessPool

        for attempt in (1, 2):
            if self._closed:
                raise asyncio.CancelledError
            child = self._start()
            try:
                outcome = await asyncio.wrap_future(child.submit(_call, function, arguments, keeps))
            except BrokenProcessPool:
                if self._closed:
                    raise asyncio.CancelledError from None
                if child is self._child:
                    self._end_child()
                if attempt == 1:
                    continue
                code = await asyncio.to_thread(child.exit_code)
                words = await asyncio.to_thread(_died_in_words, code, function.__name__)
                raise UserError(words) from None
            if isinstance(outcome, _Failure):
                raise UserError(outcome.message)
            answer: T = outcome
            return answer
        raise AssertionError("unreachable")

    def _start(self) -> "Child":
        if self._child is None:
            self._child = start_child()
        return self._child

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


class Child:
    """The process that computes: one question at a time, in the order in which they are submitted."""

    def __init__(self, pool: "ProcessPoolExecutor", processes: "list[BaseProcess]") -> None:
        self._pool, self._processes = pool, processes

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have `function(*arguments)` called in the process. Raises BrokenProcessPool if it has died."""
        return self._pool.submit(function, *arguments)

    def end(self) -> None:
        """Kill the process at once, whatever it computes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()

    def exit_code(self) -> int:
        """Return the exit code of the ending process; 0 if unknown, because the pool's thread waits for it as well."""
        end = time.monotonic() + EXIT_SECONDS
        while self._processes and time.monotonic() < end:
            for process in self._processes:
                process.join(EXIT_SECONDS / 10)
                if process.exitcode is not None:
                    return process.exitcode
        return 0


def start_child() -> Child:
    """Start the process; it needs some time until it answers."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    child_process.make_spawning_safe()
    before = set(multiprocessing.active_children())
    with child_process.without_keys():
        _start_resource_tracker()
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_settle_in)
        pool.submit(os.getpid)  # the executor starts its process at the first submission
    return Child(pool, [process for process in multiprocessing.active_children() if process not in before])


def _start_resource_tracker() -> None:
    """Start multiprocessing's resource tracker with the real stderr: Textual's has no file descriptor."""
    from multiprocessing import resource_tracker

    with contextlib.redirect_stderr(sys.__stderr__):
        resource_tracker.ensure_running()


class _Answer:
    """The answer to a question at a version of the store, pending or complete."""

    def __init__(
        self, version: Hashable, task: "asyncio.Task[Any]", most_rest: float, before: "Standing[Any] | None" = None
    ) -> None:
        self.version, self.task, self.before = version, task, before
        self._most_rest = most_rest
        self._started = time.monotonic()
        self._rest_until = math.inf
        self._took, self._is_kept = 0.0, False
        task.add_done_callback(self._answered)

    @classmethod
    def of_kept(cls, kept: Kept, version: Hashable) -> "_Answer":
        """Return an answer that is complete; without a version if the store has changed since."""
        before = None if kept.is_current else Standing(kept.value, is_current=False)
        answer = cls(
            version if kept.is_current else object(), asyncio.create_task(_return(kept.value)), LEAST_REST, before
        )
        answer._rest_until, answer._is_kept = -math.inf, True
        return answer

    def standing(self) -> "Standing[Any] | None":
        """Return the figures to show while newer ones are computed: these, or while they are computed those before them."""
        if not self.task.done():
            return self.before
        if self.failed:
            return None  # whoever asks again is to see the error
        is_slow = self._is_kept or self._took >= KEPT_FROM
        return Standing(self.task.result(), is_current=False) if is_slow else None

    @property
    def failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)

    def rests_for(self) -> float:
        """Return the seconds that the answer stays valid after a change of the store; infinite while it is pending."""
        return self._rest_until - time.monotonic()

    def _answered(self, task: "asyncio.Task[Any]") -> None:
        if self._is_kept:
            return
        now = time.monotonic()
        self._took = now - self._started
        self._rest_until = now + min(self._most_rest, max(LEAST_REST, REST * (now - self._started)))
        # The asker may be gone; asyncio would print an exception that nobody retrieved on the terminal.
        if not task.cancelled():
            task.exception()


async def _return(figures: T) -> T:
    return figures


@dataclass(frozen=True, slots=True)
class _Failure:
    """An exception as text: the exception itself could need numpy to be unpickled."""

    message: str


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], keeps: bool) -> Any:
    try:
        return _kept(function, *arguments) if keeps else function(*arguments)
    except UserError as error:
        return _Failure(str(error))
    except Exception as error:
        from qtui.store import damage

        if damaged := damage.cause_of(error):
            return _Failure(str(damaged))
        return _Failure(f"{function.__module__}.{function.__name__}: {type(error).__name__}: {error}")


def _kept(function: Callable[..., T], store: Path, *arguments: Any) -> T:
    """Call the function, and keep what it returns if that took long."""
    state, began = file_state.of_file(store), time.monotonic()
    figures = function(store, *arguments)
    if time.monotonic() - began >= KEPT_FROM:
        kept_figures.keep(figures, state, function, store, *arguments)
    return figures


def _log() -> Path:
    return paths.logs() / "numbers.log"


def _died_in_words(code: int, function: str) -> str:
    """Describe how the child ended; `code` as in multiprocessing: negative for a signal."""
    from qtui.processes.end import End, Subject, in_words
    from qtui.processes.log_end import written_since

    subject = Subject("the process that computes figures")
    words = in_words(subject, End(code, f"computing {function} for the second time", _log(), written_since(_log(), 0)))
    return f"{words}. Run `qtui doctor` to check this machine."


def _settle_in() -> None:
    """Set up the child: low priority, one thread, output to a log instead of the terminal, exit with the parent."""
    import multiprocessing
    import threading

    os.nice(NICENESS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    with contextlib.suppress(OSError):  # a read-only folder: no log
        os.dup2(log.opened(_log()), STDERR)
    log.begin("the process that computes figures for the workbench")
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: "BaseProcess") -> None:
    parent.join()
    os._exit(0)


def import_libraries() -> None:
    """Import what most figures need. Called in the child."""
    import importlib

    for name in WARM_UP:
        importlib.import_module(name)
