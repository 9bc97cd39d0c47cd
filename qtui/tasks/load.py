"""One way to a task set, whatever it is called: a name that qtui knows, a file of the user's, or a data set on the hub.

A task that occurs twice is refused: it would be answered once, counted twice, and make every interval narrower than it is.
"""

from collections.abc import Iterable
from pathlib import Path

from qtui import paths
from qtui.errors import UserError
from qtui.records import Task, TaskSet
from qtui.tasks import fields
from qtui.tasks.jsonl import Record
from qtui.tasks.tables import READERS, SUFFIXES

HUB = "hf:"
KNOWN_ON_HUB = {"ELYZA-tasks-100": "hf:elyza/ELYZA-tasks-100:test"}
KNOWN_HASHES = {"f7e3c82e84ed486cef2d820a037466c5c11db313ba1922b3e428cf4825e8b4cc": "ELYZA-tasks-100"}
"""Sets that are recognised by their content, whatever the file is called."""


def load_task_set(name_or_path: str, *, base: Path | None = None) -> TaskSet:
    """A task set by name (`demo`, `ELYZA-tasks-100`), by file (.jsonl, .csv, .parquet) or by `hf:organisation/name[:split]`.

    A relative path is relative to `base` (an experiment's folder), by default to the working directory. Raises UserError naming
    file, line and key.
    """
    if name_or_path.startswith(HUB):
        return _from_hub(name_or_path)
    shipped = _shipped().get(name_or_path.casefold())
    if shipped:
        return _from_file(shipped, shipped.stem)
    known = {name.casefold(): address for name, address in KNOWN_ON_HUB.items()}
    if name_or_path.casefold() in known:
        return _from_hub(known[name_or_path.casefold()])
    path = Path(name_or_path).expanduser()
    path = base / path if base else path
    if not path.suffix and not path.exists():
        raise UserError(f"no task set {name_or_path!r}: known are {', '.join(names())}; a file ends in {SUFFIXES}")
    return _from_file(path, path.stem)


def names() -> list[str]:
    """The sets that have a name: those shipped with qtui and those known on the hub."""
    return [*(path.stem for path in _shipped().values()), *KNOWN_ON_HUB]


def recognised(task_set: TaskSet) -> TaskSet:
    """The same set under the name that its content is known by."""
    name = KNOWN_HASHES.get(task_set.hash, task_set.name)
    return TaskSet(name, task_set.tasks, task_set.source)


def _shipped() -> dict[str, Path]:
    return {path.stem.casefold(): path for path in sorted((paths.data() / "tasks").glob("*.jsonl"))}


def _from_hub(address: str) -> TaskSet:
    from qtui.tasks import hub

    repository, _, split = address.removeprefix(HUB).partition(":")
    tasks: list[Task] = []
    for file in hub.files(repository, split or None):
        tasks += _distinct(READERS[file.suffix.lower()](file))
    return recognised(TaskSet(repository.rpartition("/")[2], tuple(tasks), address))


def _from_file(path: Path, name: str) -> TaskSet:
    read = READERS.get(path.suffix.lower())
    if path.is_dir() or read is None:
        what = "is a folder" if path.is_dir() else f"{path.suffix or 'no suffix'} is not a form of task sets"
        raise UserError(f"{path}: {what}. A task set is a file that ends in {SUFFIXES}.")
    tasks = _distinct(read(path))
    if not tasks:
        raise UserError(f"{path}: has no tasks. Expected are lines with input, output and eval_aspect.")
    return recognised(TaskSet(name, tuple(tasks), str(path)))


def _distinct(records: Iterable[Record]) -> list[Task]:
    seen: dict[Task, str] = {}
    for record in records:
        task = fields.task(record)
        if task in seen:
            raise UserError(f"{record.where}: the same task as in {seen[task]}; leave one of them out")
        seen[task] = record.where
    return list(seen)
