"""Progress while an environment is set up: bars on a terminal; elsewhere a line at every new step and every half minute."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 30.0


class Board:
    """A context with one line per piece of work. Several threads may write to it."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._line_times: dict[str, float] = {}
        self._words: dict[str, str] = {}
        self._bars: dict[str, TaskID] = {}
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = [TextColumn("{task.fields[label]}", markup=False), BarColumn(bar_width=24)]
            columns += [TextColumn("{task.fields[words]}", markup=False)]
            self._progress = Progress(*columns, TimeElapsedColumn(), console=self._console)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, label: str, words: str, fraction: float | None) -> None:
        """Show the current step of a piece of work. `fraction` is 0 to 1, or None if unknown."""
        with self._lock:
            if self._progress:
                self._bar(label, words, fraction)
            else:
                self._line(
                    label, words, is_new=words.split(":", maxsplit=1)[0] != self._words.get(label, "").split(":")[0]
                )
            self._words[label] = words

    def done(self, label: str, words: str) -> None:
        with self._lock:
            if self._progress:
                self._bar(label, words, 1.0)
            else:
                self._line(label, words, is_new=True)

    def _bar(self, label: str, words: str, fraction: float | None) -> None:
        assert self._progress is not None
        if label not in self._bars:
            self._bars[label] = self._progress.add_task("", total=None, label=label, words="")
        total = None if fraction is None else 1.0
        self._progress.update(self._bars[label], total=total, completed=fraction or 0.0, words=words[:60])

    def _line(self, label: str, words: str, *, is_new: bool) -> None:
        now = time.monotonic()
        # pip names a package many times a second.
        if label == "packages" and self._line_times.get(label) and words != "installed":
            is_new = False
        if not is_new and now - self._line_times.get(label, 0.0) < SECONDS_BETWEEN_LINES:
            return
        self._line_times[label] = now
        self._console.print(Text(f"{now - self._began:4.0f} s  {label}: {words}"), soft_wrap=True)
