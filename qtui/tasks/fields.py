"""Making tasks from the records of a file: which texts are the input, the reference, the criteria.

An instruction and its input (Alpaca) are one prompt, joined by an empty line. A text that could belong to the prompt is never left
out silently: two possible inputs with different texts are an error, which says how to map the columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from qtui.errors import UserError
from qtui.files.text_decoding import storable
from qtui.format import count
from qtui.records import Task
from qtui.tasks import columns as column_names
from qtui.tasks import conversations
from qtui.tasks.columns import ColumnMap
from qtui.tasks.table import Record, Table, listed, quoted, type_name

JOINT = "\n\n"
"""Between an instruction and its input, and between columns that the experiment joins."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a file in order, by row and each with its place, and what a reader of them should know."""

    rows: tuple[tuple[tuple[Task, ...], str], ...]
    """The turns of a row, mostly one; `follows` counts from 1 within them."""
    notes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    """The names of all columns of the file."""

    @property
    def columns_seen(self) -> str:
        """What a file without tasks has, for a message: a header, or nothing."""
        return f", only a header ({listed(self.columns)})" if self.columns else ": it is empty"

    @property
    def tasks(self) -> tuple[tuple[Task, str], ...]:
        """The tasks one after another; `follows` counts from 1 within the file."""
        found: list[tuple[Task, str]] = []
        for turns, where in self.rows:
            start = len(found)
            found += [
                (replace(turn, follows=None if turn.follows is None else turn.follows + start), where) for turn in turns
            ]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text of a record and the columns that it comes from. `answer` is that of a conversation."""

    columns: tuple[str, ...]
    text: str
    answer: "_Text | None" = None
    later: tuple[conversations.Question, ...] = ()
    """The turns of a conversation after the first one."""


@dataclass(slots=True)
class _Seen:
    """What the reader of a file noticed in its records."""

    inputs: dict[tuple[str, ...], int] = field(default_factory=dict)
    """Columns of the input → number of tasks."""
    references: dict[str, int] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    """Columns beside the input that may belong to it."""
    shortened: int = 0
    """Conversations of which only the first turn is asked."""
    several_turns: int = 0
    """Conversations of which several turns are asked."""


def read(table: Table, columns: ColumnMap = ColumnMap()) -> Tasks:  # noqa: B008 - a frozen value
    """The tasks of a file. Raises UserError with place and columns, ColumnError for a column that is not there."""
    return _Reader(table, columns).read()


class _Reader:
    def __init__(self, table: Table, columns: ColumnMap) -> None:
        self._table = table
        self._map = column_names.named(table, columns)
        self._seen = _Seen()
        mapped_inputs = self._map.input
        self._instruction = column_names.known(table, [column_names.INSTRUCTION])
        self._companions = column_names.known(table, column_names.COMPANIONS)
        self._own = column_names.known(table, column_names.OWN_INPUTS)
        self._others = column_names.known(table, column_names.OTHER_INPUTS)
        self._conversations = column_names.known(table, column_names.CONVERSATIONS)
        self._beside = column_names.beside(table.columns)
        references = column_names.known(table, column_names.REFERENCES)
        self._references = _chosen(self._map.reference, [name for name in references if name not in mapped_inputs])
        self._criteria = _chosen(self._map.criteria, column_names.known(table, column_names.CRITERIA))
        self._check_repeated()

    def read(self) -> Tasks:
        rows = tuple((self._turns(record), record.where) for record in self._table.records)
        notes = (*self._table.notes, *(f"{self._table.path}: {note}." for note in self._notes(len(rows))))
        return Tasks(rows, notes, self._table.columns)

    def _check_repeated(self) -> None:
        used = (*self._map.names, *(name for name in self._table.columns if column_names.is_known(name)))
        for name in used:
            if name in self._table.repeated:
                raise UserError(
                    f"{self._table.path}:1: the header has {quoted(name)} twice. Rename or remove one of these columns."
                )

    def _turns(self, record: Record) -> tuple[Task, ...]:
        found = self._mapped(record) if self._map.input else self._found(record)
        self._seen.inputs[found.columns] = self._seen.inputs.get(found.columns, 0) + 1
        criteria = self._only(record, "criteria", self._texts(record, self._criteria))
        own_criteria = criteria.text if criteria else ""
        if not found.later:
            return (Task(found.text, self._reference(record, found), own_criteria),)
        self._seen.several_turns += 1
        first = conversations.Question(found.text, found.answer.text if found.answer else "")
        return tuple(
            Task(question.text, reference, own_criteria, follows=number or None)
            for number, (question, reference) in enumerate(
                zip((first, *found.later), self._turn_references(record, (first, *found.later)), strict=True)
            )
        )

    # The input

    def _mapped(self, record: Record) -> _Text:
        texts = [text for name in self._map.input if (text := self._input(record, name, is_named=True)) is not None]
        if not texts:
            raise _nothing(record, self._map.input, self._table, is_named=True)
        columns = tuple(name for each in texts for name in each.columns)
        return _Text(columns, JOINT.join(each.text for each in texts), texts[0].answer if len(texts) == 1 else None)

    def _found(self, record: Record) -> _Text:
        """The only text that can be the input."""
        candidates = list(self._candidates(record))
        distinct = {each.text: each for each in reversed(candidates)}
        if not distinct:
            possible = (*self._instruction, *self._own, *self._others, *self._conversations)
            raise _nothing(record, possible, self._table)
        if len(distinct) > 1:
            raise self._ambiguous(record, "input", [name for each in candidates for name in each.columns])
        self._check_beside(record, candidates)
        answer = next((each.answer for each in candidates if each.answer), None)
        later = next((each.later for each in candidates if each.later), ())
        return replace(candidates[0], answer=answer, later=later)

    def _candidates(self, record: Record) -> Iterator[_Text]:
        instruction = self._only(record, "input", self._texts(record, self._instruction))
        if instruction is not None:
            companions = self._texts(record, self._companions)
            if len({each.text for each in companions}) > 1:
                raise self._ambiguous(record, "input", [*self._instruction, *(each.columns[0] for each in companions)])
            beside = companions[0] if companions else None
            if beside is None or beside.text == instruction.text:
                yield instruction
            else:
                yield _Text((*instruction.columns, *beside.columns), instruction.text + JOINT + beside.text)
        else:
            yield from self._texts(record, self._own)
        for name in self._others:
            if (text := self._input(record, name, is_named=False)) is not None:
                yield text
        for name in self._conversations:
            if isinstance(record.values.get(name), list):
                text = self._input(record, name, is_named=False)
                if text is not None:
                    yield text

    def _input(self, record: Record, name: str, *, is_named: bool) -> _Text | None:
        value = record.values.get(name)
        if not isinstance(value, list):
            text = _text(record, name)
            return _Text((name,), text) if text.strip() else None
        if not is_named:
            first, *later = conversations.questions(record, name)
            answer = _Text((name,), first.answer) if first.answer.strip() else None
            return _Text((name,), first.text, answer, tuple(later))
        found = conversations.question(record, name, is_named=is_named)
        self._seen.shortened += found.leaves_out
        answer = _Text((name,), found.answer) if found.answer.strip() else None
        return _Text((name,), found.text, answer) if found.text.strip() else None

    def _check_beside(self, record: Record, candidates: Sequence[_Text]) -> None:
        """A column that may belong to the question is an error beside a foreign input, and a note beside one of qtui's own."""
        used = {name for each in candidates for name in each.columns}
        unread = [name for name in self._beside if name not in used and not _is_empty(record.values.get(name))]
        for name in unread:
            self._seen.unread[name] = self._seen.unread.get(name, 0) + 1
        if unread and (not used & set(self._own) or used & set(self._instruction)):
            asked = sorted(used, key=self._table.columns.index)
            raise UserError(
                f"{record.where}: {' and '.join(map(quoted, unread))} may belong to the input {' and '.join(map(quoted, asked))}"
                f" (columns: {listed(self._table.columns)}). {column_names.advice(self._table, [*asked, *unread])}"
            )

    # Reference and criteria

    def _reference(self, record: Record, found: _Text) -> str:
        texts = list(self._reference_texts(record))
        if self._map.reference is None and found.answer is not None:
            texts.append(found.answer)
        reference = self._only(record, "reference", texts)
        if reference is None:
            return ""
        for name in reference.columns:
            self._seen.references[name] = self._seen.references.get(name, 0) + 1
        return reference.text

    def _turn_references(self, record: Record, questions: Sequence[conversations.Question]) -> list[str]:
        """The reference of each turn: of the conversation itself, or of a column with a list of one text per turn."""
        found = [question.answer for question in questions] if self._map.reference is None else [""] * len(questions)
        for name in self._references:
            value = record.values.get(name)
            if _is_empty(value):
                continue
            texts = ["" if text is None else text for text in value] if isinstance(value, list) else []
            if not texts or len(texts) > len(questions) or not all(isinstance(text, str) for text in texts):
                advice = column_names.advice_for(self._table, "reference", name)
                raise UserError(
                    f"{record.where}: {quoted(name)} is {_kind(value)}, and the conversation has {len(questions)} questions: the "
                    f"reference is a list with a text for each (columns: {listed(self._table.columns)}). {advice}"
                )
            for number, text in enumerate(map(storable, texts)):
                if found[number].strip() and text.strip() and found[number] != text:
                    raise self._ambiguous(record, "reference", [*self._conversations, name])
                found[number] = text if text.strip() else found[number]
            self._seen.references[name] = self._seen.references.get(name, 0) + 1
        return found

    def _reference_texts(self, record: Record) -> Iterator[_Text]:
        for name in self._references:
            text = _reference_text(record, name)
            if text.strip():
                yield _Text((name,), text)

    def _texts(self, record: Record, names: Iterable[str]) -> list[_Text]:
        """The texts of these columns that are not empty."""
        return [_Text((name,), text) for name in names if (text := _text(record, name)).strip()]

    def _only(self, record: Record, key: str, texts: Sequence[_Text]) -> _Text | None:
        if len({each.text for each in texts}) > 1:
            raise self._ambiguous(record, key, [name for each in texts for name in each.columns])
        return texts[0] if texts else None

    def _ambiguous(self, record: Record, key: str, names: Sequence[str]) -> UserError:
        distinct = list(dict.fromkeys(names))
        problem = f"{' and '.join(map(quoted, distinct))} could each be the {key}"
        how = (
            column_names.advice(self._table, distinct)
            if key == "input"
            else column_names.advice_for(self._table, key, distinct[0])
        )
        return UserError(f"{record.where}: {problem} (columns: {listed(self._table.columns)}). {how}")

    # What a reader should know

    def _notes(self, number: int) -> Iterator[str]:
        yield from self._input_notes(number)
        if used := [name for name in self._seen.references if column_names.normal(name) not in column_names.OWN]:
            yield f"the reference is {' or '.join(map(quoted, used))}"
        empty = [name for name in self._references if not self._seen.references]
        if empty and number:
            verb = "is" if len(empty) == 1 else "are"
            whom = "the only task" if number == 1 else f"all {number} tasks"
            yield f"the reference {' and '.join(map(quoted, empty))} {verb} empty for {whom}, so no task has a reference"
        for name, tasks in self._seen.unread.items():
            how = f'[tasks] input = [{quoted(name)}, "…"] puts it into the prompt'
            yield f"{quoted(name)} is not read ({count(tasks, 'task')}); {how}"
        if others := self._others_unread():
            yield f"not read: {listed(others)}"

    def _others_unread(self) -> list[str]:
        """The further columns of a file that is not in qtui's own form: one of them may be what the user means."""
        inputs = {name for names in self._seen.inputs for name in names}
        if all(column_names.normal(name) in column_names.OWN for name in inputs):
            return []
        read = {*inputs, *self._references, *self._criteria, *self._seen.unread, *self._conversations}
        others = [name for name in self._table.columns if name.strip() and name not in read]
        return [name for name in others if name in self._table.unread or self._has_values(name)]

    def _has_values(self, name: str) -> bool:
        return any(not _is_empty(record.values.get(name)) for record in self._table.records)

    def _input_notes(self, number: int) -> Iterator[str]:
        for names, tasks in self._seen.inputs.items():
            part = "" if tasks == number else f" ({tasks} of {count(number, 'task')})"
            if len(names) > 1:
                yield f"the input is {' and '.join(map(quoted, names))}, joined by an empty line{part}"
            elif column_names.normal(names[0]) not in column_names.OWN:
                yield f"the input is {quoted(names[0])}{part}"
        if self._seen.shortened:
            yield f"of {count(self._seen.shortened, 'conversation')} only the first turn of the user is asked"
        if self._seen.several_turns:
            yield (
                f"{count(self._seen.several_turns, 'conversation')} with several turns of the user: each turn is a "
                "task, and the model sees its own answers to the turns before"
            )


def _chosen(named: str | None, found: Sequence[str]) -> tuple[str, ...]:
    if named is None:
        return tuple(found)
    return (named,) if named else ()


def _text(record: Record, name: str) -> str:
    """The text in a column. null counts as empty, like an empty cell of a table."""
    value = record.values.get(name)
    if isinstance(value, str):
        return storable(value)
    if value is not None:
        raise record.wrong_type(name, "text")
    return ""


def _reference_text(record: Record, name: str) -> str:
    """As `_text`, and a whole number or a list of one text is that text: answers of sums and of sets with several references."""
    value = record.values.get(name)
    if isinstance(value, list):
        if any(isinstance(item, dict) for item in value):
            return conversations.reply(record, name)
        if len(value) > 1:
            raise UserError(f"{record.where}: {quoted(name)} has {len(value)} texts, and a task has one reference")
        value = value[0] if value else None
        if value is not None and not isinstance(value, str):
            raise record.wrong_type(name, "text")
        return storable(value) if value else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(record, name)


def _kind(value: Any) -> str:
    return f"a list of {len(value)}" if isinstance(value, list) else type_name(value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, list) and not value)


def _nothing(record: Record, possible: Sequence[str], table: Table, *, is_named: bool = False) -> UserError:
    """The error of a record without an input: its column is empty, or there is none."""
    there = [name for name in possible if name in record.values]
    if not there and is_named:
        return record.missing(possible[0])
    if not there:
        return UserError(f"{record.missing('input')}. {column_names.advice(table)}")
    name = there[0]
    value = record.values[name]
    if value is not None and not isinstance(value, str | list):
        return record.wrong_type(name, "text")
    verb = "is" if len(there) == 1 else "are"
    return UserError(f"{record.where}: {' and '.join(map(quoted, there))} {verb} empty: a task needs an instruction")
