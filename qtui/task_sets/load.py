"""Loads task sets: one by name, file or hub, or several as a suite.

A set with a definition (see `definition`) is read as that says; any other name is a file or a data set whose columns are found by
their names (see `qtui.tasks`). A limit takes the first tasks, or with a seed a sample of them; a conversation counts once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from qtui.errors import UserError
from qtui.files import named_path
from qtui.format import count
from qtui.records import Task, TaskSet, TaskSetFacts, content_hash
from qtui.task_sets import hub_rows, known, making, rows
from qtui.task_sets.definition import Definition
from qtui.task_sets.rows import Rows
from qtui.tasks import ColumnMap, load_task_set
from qtui.tasks.load import HUB_NAMES, names, recognize
from qtui.tasks.table import Record, quoted
from qtui.tasks.tables import SUFFIXES

_Item = TypeVar("_Item")
NO_COLUMNS = ColumnMap()
Conversation = tuple[Task, ...]
"""The turns of one row, `follows` counting from 1 within them."""


@dataclass(frozen=True, slots=True)
class SetRequest:
    """One task set as an experiment asks for it."""

    source: str
    limit: int | None = None
    """Tasks at most; None is all."""
    seed: int | None = None
    """None takes the first tasks; a number takes a sample that depends on this number alone."""
    path: str | None = None
    """A file or folder with the rows, in place of the hub."""
    examples: int | None = None
    """Few-shot examples, in place of the definition's number."""
    columns: ColumnMap = NO_COLUMNS


def joined(sets: Sequence[TaskSet]) -> TaskSet:
    """Return one set with the tasks of all. If there are several, each task has its set's name as `subset`.

    Raises UserError if two sets have one name.
    """
    if len(sets) == 1:
        return sets[0]
    set_names = [each.name for each in sets]
    for i, name in enumerate(set_names):
        if name in set_names[:i]:
            raise UserError(f'"{name}" is there twice: results are shown by set, so each set needs a name of its own')
    tasks: list[Task] = []
    for each in sets:
        start = len(tasks)
        tasks += [
            replace(task, subset=each.name, follows=None if task.follows is None else task.follows + start)
            for task in each.tasks
        ]
    return TaskSet(
        " + ".join(set_names),
        tuple(tasks),
        ", ".join(each.source for each in sets),
        tuple(note for each in sets for note in each.notes),
        tuple(facts for each in sets for facts in each.facts),
    )


def load_set(request: SetRequest, base: Path | None = None) -> TaskSet:
    """Return one task set; relative paths start at `base`.

    Raises UserError with file, line and key, or with what to do where a set is not on this disk; ColumnError for a column that the
    request names and a file does not have.
    """
    has_columns = request.columns != NO_COLUMNS
    definition = None if has_columns and request.source in HUB_NAMES else known.find(request.source, base)
    if definition is not None:
        return _defined(definition, request, base)
    for key in ("path", "examples"):
        if getattr(request, key) is not None:
            raise UserError(
                f"{key} is for task sets that are known by name, and {quoted(request.source)} is none{_near(request.source, base)}"
            )
    try:
        whole = load_task_set(request.source, base=base, columns=request.columns)
    except UserError as error:
        if str(error).startswith("no task set "):
            advice = f"The name of a file must end in {SUFFIXES}"
            raise UserError(f"no task set {quoted(request.source)}{_near(request.source, base)} {advice}") from None
        raise
    if request.limit is None and request.seed is None:
        return whole
    chosen, note = _limited(_conversations(whole.tasks), request, whole.name)
    return replace(whole, tasks=_positioned(chosen), notes=(*whole.notes, *note))


def preview(
    definition: Definition, request: SetRequest, base: Path | None, number: int
) -> tuple[list[Conversation], str]:
    """Return the tasks of the first `number` rows, and where these come from."""
    found = _rows(definition, request, base, definition.source.split)
    return list(_made(definition, request, base, found.records[:number])), found.address


def _near(name: str, base: Path | None) -> str:
    close = get_close_matches(name.casefold(), [*known.files(base), *names()], n=1)
    return f". Did you mean {close[0]}?" if close else ". `qtui tasks` lists the sets that are known by name."


def _defined(definition: Definition, request: SetRequest, base: Path | None) -> TaskSet:
    if request.columns != NO_COLUMNS:
        raise UserError(
            f"{definition.name}: its definition ({definition.file}) says what its columns are; "
            "remove input, reference, criteria and encoding"
        )
    found = _rows(definition, request, base, definition.source.split)
    if not found.records:
        raise UserError(f"{definition.name}: {found.address} has no rows")
    every = list(range(len(found.records)))
    chosen, notes = _limited(every, request, definition.name)
    conversations = list(_made(definition, request, base, [found.records[i] for i in chosen]))
    distinct = list(dict.fromkeys(conversations))
    repeated = len(conversations) - len(distinct)
    if repeated:
        notes += (f"{definition.name}: left out because they repeat others: {count(repeated, 'task')}.",)
    examples = definition.examples.number if request.examples is None else request.examples
    facts = TaskSetFacts(
        name=definition.name,
        title=definition.title,
        source=found.address,
        licence=definition.licence,
        metric=definition.metric,
        scorer=scorer_of(definition),
        max_tokens=definition.max_tokens,
        stop=tuple(definition.stop),
        examples=examples,
        rows=len(found.records),
        tasks=sum(map(len, distinct)),
    )
    return recognize(TaskSet(definition.name, _positioned(distinct), found.address, notes, (facts,)))


def scorer_of(definition: Definition) -> dict[str, object]:
    """What a definition says of scoring: `kind`, and the settings of that kind. Empty if people or judges grade the set.

    This is where a set's own scorer is handed to the experiment: it is stored with the run as `TaskSetFacts.scorer`.
    """
    if definition.scorer is None:
        return {}
    return {"kind": definition.scorer.kind, **definition.scorer.settings}


def _made(
    definition: Definition, request: SetRequest, base: Path | None, asked: Sequence[Record]
) -> list[Conversation]:
    examples_of = _examples(definition, request, base)
    return [making.turns(definition, record, examples_of(record)) for record in asked]


def _rows(definition: Definition, request: SetRequest, base: Path | None, split: str) -> Rows:
    """The rows of a split: from the path that the experiment names, the user's own files, the definition's path, or the hub."""
    source = definition.source
    if request.path:
        path = named_path.expanded(request.path)
        return rows.from_path(definition, base / path if base else path, split)
    if own := known.own_files(definition.name):
        return rows.from_path(definition, own, split)
    if source.path:
        return rows.from_path(definition, Path(definition.file).parent / named_path.expanded(source.path), split)
    if source.hub:
        return hub_rows.from_hub(definition, split)
    raise UserError(
        f'{definition.name}: is on no hub. Download it from {source.page} and name the file: [tasks] source = "{definition.name}", '
        'path = "FILE".'
    )


def _examples(definition: Definition, request: SetRequest, base: Path | None) -> Callable[[Record], list[Record]]:
    """A function that returns the examples of a question. Their split is read once, and only if there are some."""
    settings = definition.examples
    number = settings.number if request.examples is None else request.examples
    if not number:
        return lambda _: []
    if definition.columns.turns:
        raise UserError(f"{definition.name}: conversations have no examples before them; set examples = 0")
    if settings.inline:
        given = [
            Record(f"{definition.file}: examples.inline {i}", row) for i, row in enumerate(settings.inline, start=1)
        ]
    elif settings.split:
        given = list(_rows(definition, request, base, settings.split).records)
    else:
        raise UserError(
            f"{definition.name}: its definition ({definition.file}) names no examples, so examples must be 0"
        )
    if settings.positions:
        beyond = [position for position in settings.positions if position > len(given)]
        if beyond:
            raise UserError(
                f"{definition.file}: examples.positions: there is no row {beyond[0]} ({count(len(given), 'row')})"
            )
        given = [given[position - 1] for position in settings.positions]
    if not settings.same:
        _check_number(definition, given, number, "")
        return lambda _: given[:number]
    groups: dict[str, list[Record]] = {}
    for record in given:
        groups.setdefault(str(rows.value(record, settings.same)), []).append(record)

    def of_group(record: Record) -> list[Record]:
        group = str(rows.value(record, settings.same))
        _check_number(definition, groups.get(group, []), number, f" with {settings.same} {group}")
        return groups[group][:number]

    return of_group


def _check_number(definition: Definition, given: Sequence[Record], number: int, where: str) -> None:
    if len(given) < number:
        raise UserError(f"{definition.name}: has {count(len(given), 'example')}{where}, and {number} are asked for")


def _limited(items: Sequence[_Item], request: SetRequest, name: str) -> tuple[list[_Item], tuple[str, ...]]:
    """The items that the limit leaves, in their order, and what to say of that."""
    if request.limit is None:
        if request.seed is not None:
            raise UserError(f"{name}: seed chooses a sample of limit tasks, and there is no limit")
        return list(items), ()
    if request.limit >= len(items):
        more = f"{name}: has {count(len(items), 'task')}, fewer than the limit of {request.limit}."
        return list(items), (more,) if request.limit > len(items) else ()
    if request.seed is None:
        return list(items[: request.limit]), (f"{name}: the first {request.limit} of {len(items)} tasks are asked.",)
    # By hashes, because random numbers of one seed may differ between versions of Python.
    order = sorted(range(len(items)), key=lambda i: content_hash("sample", request.seed, i))
    chosen = sorted(order[: request.limit])
    note = f"{name}: a sample of {request.limit} of {len(items)} tasks is asked (seed {request.seed})."
    return [items[i] for i in chosen], (note,)


def _conversations(tasks: Sequence[Task]) -> list[Conversation]:
    """The tasks of a set by conversation, each with `follows` counting from 1 within it."""
    found: list[list[Task]] = []
    start = 0
    for position, task in enumerate(tasks):
        if task.follows is None:
            found.append([])
            start = position
        found[-1].append(replace(task, follows=None if task.follows is None else task.follows - start))
    return [tuple(each) for each in found]


def _positioned(conversations: Sequence[Conversation]) -> tuple[Task, ...]:
    """The tasks in order, each `follows` counting from the beginning of the set."""
    found: list[Task] = []
    for conversation in conversations:
        start = len(found)
        found += [
            replace(task, follows=None if task.follows is None else task.follows + start) for task in conversation
        ]
    return tuple(found)
