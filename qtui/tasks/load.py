"""Loading a task set by a name that qtui knows, from a file, or from a data set on the hub.

A duplicate task is an error: it would be answered once and counted twice, which makes every interval too narrow.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qtui import paths
from qtui.errors import UserError
from qtui.files import named_path
from qtui.files.parsing import parsing
from qtui.files.text_decoding import storable
from qtui.records import Task, TaskSet
from qtui.tasks import fields
from qtui.tasks.columns import ColumnMap
from qtui.tasks.table import listed
from qtui.tasks.tables import READERS, SUFFIXES

HUB = "hf:"
HUB_NAMES = {"ELYZA-tasks-100": "hf:elyza/ELYZA-tasks-100:test"}
NAMES_BY_HASH = {"f7e3c82e84ed486cef2d820a037466c5c11db313ba1922b3e428cf4825e8b4cc": "ELYZA-tasks-100"}
"""Names of sets that are recognized by their content, whatever the name of the file."""


def load_task_set(name_or_path: str, *, base: Path | None = None, columns: ColumnMap | None = None) -> TaskSet:
    """Load a task set by name (`demo`, `ELYZA-tasks-100`), by file (see `tables.SUFFIXES`) or by `hf:organisation/name[:split]`.

    A relative path is relative to `base` (an experiment's folder), by default to the working directory. `columns` says which column
    is what; by default the columns are found by their names. Raises UserError with file, line and key; ColumnError for a name in
    `columns` that a file does not have.
    """
    columns = columns or ColumnMap()
    if name_or_path.startswith(HUB):
        return _from_hub(name_or_path, columns)
    shipped = _shipped().get(name_or_path.casefold())
    if shipped:
        return _from_file(shipped, shipped.stem, columns)
    addresses = {name.casefold(): address for name, address in HUB_NAMES.items()}
    if name_or_path.casefold() in addresses:
        return _from_hub(addresses[name_or_path.casefold()], columns)
    path = named_path.expanded(name_or_path)
    path = base / path if base else path
    if not path.suffix and not path.exists():
        raise UserError(
            f"no task set {name_or_path!r} (known names: {', '.join(names())}). The name of a file must end in {SUFFIXES}"
        )
    return _from_file(path, path.stem, columns)


def names() -> list[str]:
    """The names of task sets: those shipped with qtui and those on the hub that qtui knows."""
    return [*(path.stem for path in _shipped().values()), *HUB_NAMES]


def recognize(task_set: TaskSet) -> TaskSet:
    """The same set, under its known name if its content has one."""
    name = NAMES_BY_HASH.get(task_set.hash, task_set.name)
    return replace(task_set, name=name)


def _shipped() -> dict[str, Path]:
    return {path.stem.casefold(): path for path in sorted((paths.data() / "tasks").glob("*.jsonl"))}


def _from_hub(address: str, columns: ColumnMap) -> TaskSet:
    from qtui.tasks import hub

    repository, _, split = address.removeprefix(HUB).partition(":")
    read = [_read(file, columns) for file in hub.files(repository, split or None)]
    tasks = _distinct(read)
    notes = tuple(note for each in read for note in each.notes)
    return recognize(TaskSet(repository.rpartition("/")[2], tuple(tasks), address, notes))


def _from_file(path: Path, name: str, columns: ColumnMap) -> TaskSet:
    if path.is_dir():
        inside = listed(sorted(each.name for each in path.iterdir() if each.suffix.lower() in READERS))
        raise UserError(f"{path}: is a folder. Name one of its files (task sets: {inside}).")
    if path.suffix.lower() not in READERS:
        problem = f"{path.suffix or 'no suffix'} is not a format of task sets"
        raise UserError(f"{path}: {problem}. The name of a task set's file must end in {SUFFIXES}.")
    read = _read(path, columns)
    tasks = _distinct([read])
    if not tasks:
        raise UserError(f"{path}: has no tasks{read.columns_seen}. Every line needs input, output and eval_aspect.")
    return recognize(TaskSet(storable(name), tuple(tasks), storable(str(path)), read.notes))


def _read(path: Path, columns: ColumnMap) -> fields.Tasks:
    with parsing(path, "a task set", "correct the file."):
        return fields.read(READERS[path.suffix.lower()](path, columns), columns)


def _distinct(files: Sequence[fields.Tasks]) -> list[Task]:
    """The tasks of all files in order. Raises UserError for a row that is in one file twice."""
    rows: list[tuple[tuple[Task, ...], str]] = []
    for read in files:
        places: dict[tuple[Task, ...], str] = {}
        for turns, where in read.rows:
            if turns in places:
                raise UserError(f"{where}: the same task as in {places[turns]}; remove one of them")
            places[turns] = where
        rows += places.items()
    return [task for task, _ in fields.Tasks(tuple(rows), ()).tasks]
