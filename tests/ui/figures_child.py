"""One figures process for many tests: starting one and importing pandas and scipy costs more than most tests that need it."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import pytest

from qtui.ui.data.figures_process import Child, start_child

T = TypeVar("T")


class SharedChild:
    """Stands in for the child of one workbench, and passes what it is asked to a process that outlives it."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._asked: list[Future[Any]] = []

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have the function called where and with what a process of the test's own would have begun."""
        if self._child is None:
            self._child = start_child()
        place = Path.cwd(), dict(os.environ)
        self._asked.append(asked := self._child.submit(call_in_place, place, function, arguments))
        return asked

    def end(self) -> None:
        """End the process only if it still computes something that nobody waits for any more, or has died."""
        if self._child is not None and not all(_is_answered(asked) for asked in self._asked):
            self._child.end()
            self._child = None
        self._asked = []

    def exit_code(self) -> int:
        return 0 if self._child is None else self._child.exit_code()

    def close(self) -> None:
        if self._child is not None:
            self._child.end()


def call_in_place(place: tuple[Path, dict[str, str]], function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Call a function in this process in the folder and environment of another."""
    folder, environment = place
    os.chdir(folder if folder.is_dir() else "/")
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    return function(*arguments)


def _is_answered(asked: Future[Any]) -> bool:
    return asked.done() and not asked.cancelled() and asked.exception() is None


@pytest.fixture(scope="session")
def shared_child() -> Iterator[SharedChild]:
    """The process that the tests of the workbench share."""
    child = SharedChild()
    yield child
    child.close()


@pytest.fixture(autouse=True)
def figures_child(shared_child: SharedChild, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every workbench the shared process."""
    monkeypatch.setattr("qtui.ui.data.figures_process.start_child", lambda: shared_child)
