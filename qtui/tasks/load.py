"""Loading a task set by a name that qtui knows, from a file, or from a data set on the hub.

A duplicate task is an error: it would be answered once and counted twice, which makes every interval too narrow.
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
HUB_NAMES = {"ELYZA-tasks-100": "hf:elyza/ELYZA-tasks-100:test"}
NAMES_BY_HASH = {"f7e3c82e84ed486cef2d820a037466c5c11db313ba1922b3e428cf4825e8b4cc": "ELYZA-tasks-100"}
"""Names of sets that are recognized by their content, whatever the name of the file."""


def load_task_set(name_or_path: str, *, base: Path | None = None) -> TaskSet:
    """Load a task set by name (`demo`, `ELYZA-tasks-100`), by file (.jsonl, .csv, .parquet) or by `hf:organisation/name[:split]`.

    A relative path is relative to `base` (an experiment's folder), by default to the working directory. Raises UserError with
    file, line and key.
    """
    if name_or_path.startswith(HUB):
        return _from_hub(name_or_path)
    shipped = _shipped().get(name_or_path.casefold())
    if shipped:
        return _from_file(shipped, shipped.stem)
    addresses = {name.casefold(): address for name, address in HUB_NAMES.items()}
    if name_or_path.casefold() in addresses:
        return _from_hub(addresses[name_or_path.casefold()])
    path = Path(name_or_path).expanduser()
    path = base / path if base else path
    if not path.suffix and not path.exists():
        raise UserError(
            f"no task set {name_or_path!r} (known names: {', '.join(names())}). The name of a file must end in {SUFFIXES}"
        )
    return _from_file(path, path.stem)


def names() -> list[str]:
    """The names of task sets: those shipped with qtui and those on the hub that qtui knows."""
    return [*(path.stem for path in _shipped().values()), *HUB_NAMES]


def recognize(task_set: TaskSet) -> TaskSet:
    """The same set, under its known name if its content has one."""
    name = NAMES_BY_HASH.get(task_set.hash, task_set.name)
    return TaskSet(name, task_set.tasks, task_set.source)


def _shipped() -> dict[str, Path]:
    return {path.stem.casefold(): path for path in sorted((paths.data() / "tasks").glob("*.jsonl"))}


def _from_hub(address: str) -> TaskSet:
    from qtui.tasks import hub

    repository, _, split = address.removeprefix(HUB).partition(":")
    tasks: list[Task] = []
    for file in hub.files(repository, split or None):
        tasks += _distinct(READERS[file.suffix.lower()](file))
    return recognize(TaskSet(repository.rpartition("/")[2], tuple(tasks), address))


def _from_file(path: Path, name: str) -> TaskSet:
    read = READERS.get(path.suffix.lower())
    if path.is_dir() or read is None:
        problem = "is a folder" if path.is_dir() else f"{path.suffix or 'no suffix'} is not a format of task sets"
        raise UserError(f"{path}: {problem}. The name of a task set's file must end in {SUFFIXES}.")
    tasks = _distinct(read(path))
    if not tasks:
        raise UserError(f"{path}: has no tasks. Every line needs input, output and eval_aspect.")
    return recognize(TaskSet(name, tuple(tasks), str(path)))


def _distinct(records: Iterable[Record]) -> list[Task]:
    places: dict[Task, str] = {}
    for record in records:
        task = fields.task(record)
        if task in places:
            raise UserError(f"{record.where}: the same task as in {places[task]}; remove one of them")
        places[task] = record.where
    return list(places)
