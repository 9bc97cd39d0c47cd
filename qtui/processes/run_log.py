"""Reading the log of a run: the lines of its runner and of its workers, from several files, in the order of time.

Runs of different stores have the same numbers, and their logs lie in one folder. So the lines under a heading that names another
store are left out. Files may grow while they are read, and a file that has grown large is shortened in its middle
(`qtui.processes.log.bound`): a reader then goes on where it was.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from qtui import paths

_HEADING = re.compile(r"# \S+ \S+ \S+ qtui \S+: (?:the runner of )?run (\d+)(?:, variant \d+)? in (.*), process (\d+)$")
_MOMENT = re.compile(r"# (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) ")
_EVENT = re.compile(r"# \S+ \S+ [+-]\d{4} (?:DEBUG|INFO|WARNING|ERROR) (\d+) ")
_REMEMBERED = 512
"""Bytes before its position by which a reader knows whether the file was shortened meanwhile."""
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log. `moment` is when it was written, or the moment of the last dated line before it; in seconds since 1970."""

    moment: float
    text: str


@dataclass(slots=True)
class _File:
    """One file, read up to `position`."""

    path: Path
    position: int = 0
    before: bytes = b""
    """The last bytes before the position."""
    moment: float = 0.0
    is_ours: bool = True
    """Whether the last heading named the store, or none named any."""


@dataclass(slots=True)
class RunLog:
    """The log of one run of one store. `read` returns what is new since it was called before."""

    run_id: int
    store: Path
    _files: dict[Path, _File] = field(default_factory=dict)
    _processes: dict[str, bool] = field(default_factory=dict)
    """Process id → whether it works for this store."""

    def files(self) -> list[Path]:
        """Return the files that exist, the runner's first."""
        own = paths.run_log(self.run_id)
        found = [own, *sorted(own.parent.glob(f"{own.stem}-*.log"), key=_variant)]
        return [file for path in found for file in (path.with_name(f"{path.name}.old"), path) if file.is_file()]

    def read(self) -> list[Line]:
        """Return the new lines of all files, in the order of their time. A line that is not complete comes later."""
        lines: list[Line] = []
        for path in self.files():
            file = self._files.setdefault(path, _File(path))
            lines += self._ours(file, _new_lines(file))
        return sorted(lines, key=lambda line: line.moment)

    def _ours(self, file: _File, texts: Sequence[str]) -> Iterator[Line]:
        for text in texts:
            if heading := _HEADING.match(text):
                file.is_ours = heading[1] == str(self.run_id) and _is_same(Path(heading[2]), self.store)
                self._processes[heading[3]] = file.is_ours
            if moment := _MOMENT.match(text):
                file.moment = _seconds(moment[1]) or file.moment
            event = _EVENT.match(text)
            if self._processes.get(event[1], file.is_ours) if event else file.is_ours:
                yield Line(file.moment, text)


def _new_lines(file: _File) -> list[str]:
    """Return the complete lines after the position, and move it. A file that cannot be read has none."""
    try:
        data = file.path.read_bytes()
    except OSError:
        return []
    start = _place(file, data)
    end = data.rfind(b"\n", start) + 1
    if len(data) - max(start, end) > _LONGEST_LINE:
        end = len(data)
    if end <= start:
        return []
    file.position, file.before = end, data[max(0, end - _REMEMBERED) : end]
    return data[start:end].decode("utf-8", errors="replace").removesuffix("\n").split("\n")


def _place(file: _File, data: bytes) -> int:
    """Return where the text is now that comes after the position. If it was left out, what follows the place where it was."""
    if data[max(0, file.position - len(file.before)) : file.position] == file.before:
        return file.position
    place = data.rfind(file.before)
    if place >= 0:
        return place + len(file.before)
    return max(0, data.rfind(b"\n# [", 0, len(data)) + 1)


def _variant(path: Path) -> tuple[int, str]:
    number = path.stem.rpartition("-")[2]
    return (int(number) if number.isdecimal() else 0), path.name


def _is_same(one: Path, other: Path) -> bool:
    return one == other or one.resolve() == other.resolve()


def _seconds(moment: str) -> float | None:
    form = "%Y-%m-%d %H:%M:%S.%f %z" if "." in moment else "%Y-%m-%d %H:%M:%S %z"
    try:
        return datetime.strptime(moment, form).timestamp()
    except ValueError:
        return None
