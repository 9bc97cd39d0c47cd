"""Makes tasks of rows: prompts from templates, right answers, choices, what scorers check, turns of a conversation."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtui.errors import UserError
from qtui.files.text_decoding import storable
from qtui.records import Expected, Task
from qtui.task_sets import slots
from qtui.task_sets.definition import LETTERS, Definition
from qtui.task_sets.rows import value
from qtui.tasks.conversations import user_turns
from qtui.tasks.table import Record, quoted, type_name

MADE = ("choices", "letter", "letters", "right_letter", "right_text", "reference")
"""Slots that no column has; a column of the same name is reached as `row.NAME`."""


@dataclass(frozen=True, slots=True)
class Choices:
    texts: tuple[str, ...] = ()
    right: int | None = None


def turns(definition: Definition, record: Record, examples: Sequence[Record] = ()) -> tuple[Task, ...]:
    """The tasks of a row: one, or one per turn of a conversation, whose `follows` counts from 1 within them."""
    category = _optional(record, definition.columns.category)
    criteria = _optional(record, definition.columns.criteria)
    if definition.columns.turns:
        texts = user_turns(record, definition.columns.turns)
        references = _turn_references(definition, record, len(texts))
        return tuple(
            Task(text, reference, criteria, category, follows=number or None)
            for number, (text, reference) in enumerate(zip(texts, references, strict=True))
        )
    choices = _choices(definition, record)
    references = _references(definition, record, choices)
    expected = Expected(tuple(references[1:]), choices.texts, choices.right, _checks(definition, record))
    return (
        Task(
            _prompt(definition, record, examples),
            references[0] if references else "",
            criteria,
            category,
            expected=expected,
        ),
    )


def _prompt(definition: Definition, record: Record, examples: Sequence[Record]) -> str:
    prompt = definition.prompt
    asked = [f"{_filled(definition, each, 'question')}{_filled(definition, each, 'answer')}" for each in examples]
    intro = [_filled(definition, record, "intro")] if prompt.intro else []
    return prompt.joint.join([*intro, *asked, _filled(definition, record, "question").rstrip(" ")])


def _filled(definition: Definition, record: Record, key: str) -> str:
    template: str = getattr(definition.prompt, key)
    return slots.fill(template, _slot_values(definition, record, key))


def _slot_values(definition: Definition, record: Record, key: str) -> Callable[[str], str]:
    choices = _choices(definition, record)

    def text(name: str) -> str:
        if name == "choices":
            return "\n".join(
                slots.fill(
                    definition.prompt.choice, {"letter": LETTERS[i], "number": str(i + 1), "text": each}.__getitem__
                )
                for i, each in enumerate(choices.texts)
            )
        if name == "letters":
            return ", ".join(LETTERS[: len(choices.texts)])
        if name == "right_letter":
            return "" if choices.right is None else LETTERS[choices.right]
        if name == "right_text":
            return "" if choices.right is None else choices.texts[choices.right]
        if name == "reference":
            return next(iter(_references(definition, record, choices)), "")
        try:
            return _text(record, name.removeprefix("row."))
        except UserError as error:
            raise UserError(f"{error}. The slot {{{name}}} is in prompt.{key} of {definition.file}.") from None

    return text


def _text(record: Record, name: str) -> str:
    """The text in a column; numbers are written out, and a list has a line per item."""
    found = value(record, name)
    match found:
        case str():
            return storable(found)
        case None:
            return ""
        case bool():
            return str(found).lower()
        case int() | float():
            return _number(found)
        case list() if all(isinstance(item, str) for item in found):
            return storable("\n".join(found))
    raise UserError(f"{record.where}: {quoted(name)} is {type_name(found)}, not text")


def _number(found: float) -> str:
    return repr(found) if isinstance(found, float) and not found.is_integer() else str(int(found))


def _optional(record: Record, name: str) -> str:
    return _text(record, name) if name else ""


def _references(definition: Definition, record: Record, choices: Choices) -> list[str]:
    """The right answers, the first one first. Of a question with choices and no other reference it is the right letter."""
    columns = definition.columns
    if not columns.reference:
        return [LETTERS[choices.right]] if choices.right is not None else []
    found = value(record, columns.reference)
    texts = (
        [_item(record, columns.reference, item) for item in found]
        if isinstance(found, list)
        else [_text(record, columns.reference)]
    )
    if columns.reference_pattern:
        texts = [_part(record, columns.reference, columns.reference_pattern, text) for text in texts]
    return list(dict.fromkeys(text for text in texts if text.strip()))


def _item(record: Record, name: str, item: Any) -> str:
    if isinstance(item, str):
        return storable(item)
    if isinstance(item, int | float) and not isinstance(item, bool):
        return _number(item)
    raise UserError(f"{record.where}: {quoted(name)} has {type_name(item)} in its list, not text")


def _part(record: Record, name: str, pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None or match[1] is None:
        raise UserError(f"{record.where}: {quoted(name)} has no part that fits {pattern}")
    return match[1].strip()


def _turn_references(definition: Definition, record: Record, number: int) -> list[str]:
    """One reference per turn; the turns after the last one of the list have none."""
    name = definition.columns.reference
    found = record.values.get(name) if name else None
    texts = [found] if isinstance(found, str) else found or []
    if not isinstance(texts, list):
        raise record.wrong_type(name, "a list of texts")
    texts = ["" if item is None else _item(record, name, item) for item in texts]
    if len(texts) > number:
        raise UserError(
            f"{record.where}: {quoted(name)} has {len(texts)} texts, and the conversation has {number} turns"
        )
    return texts + [""] * (number - len(texts))


def _choices(definition: Definition, record: Record) -> Choices:
    columns = definition.columns
    if not columns.choices:
        return Choices()
    if isinstance(columns.choices, str):
        found = value(record, columns.choices)
        if not isinstance(found, list):
            raise record.wrong_type(columns.choices.partition(".")[0], "a list of choices")
        texts = tuple(_item(record, columns.choices, item) for item in found)
    else:
        texts = tuple(_text(record, name) for name in columns.choices)
    if not 2 <= len(texts) <= len(LETTERS):
        raise UserError(f"{record.where}: has {len(texts)} choices; a question needs 2 to {len(LETTERS)}")
    return Choices(texts, _right(definition, record, texts))


def _right(definition: Definition, record: Record, texts: Sequence[str]) -> int:
    columns = definition.columns
    written = _text(record, columns.right).strip()
    if columns.right_is == "index":
        names = [str(columns.first_index + i) for i in range(len(texts))]
    elif columns.right_is == "letter":
        names, written = list(LETTERS[: len(texts)]), written.upper()
    elif columns.right_is == "label":
        labels = value(record, columns.labels)
        names = [_item(record, columns.labels, label) for label in labels] if isinstance(labels, list) else []
        names = names[: len(texts)]
    else:
        names = [text.strip() for text in texts]
    if names.count(written) != 1:
        raise UserError(
            f"{record.where}: {quoted(columns.right)} is {quoted(written)}, which is none of its choices ({', '.join(names)})"
            if written
            else f"{record.where}: {quoted(columns.right)} is empty: the right choices of this split are not published"
        )
    return names.index(written)


def _checks(definition: Definition, record: Record) -> str:
    """JSON: an object with the checked columns, or a list of them where the columns are lists. Empty values are left out."""
    columns = definition.columns.checks
    if not columns:
        return ""
    values = {name: _whole(value(record, column)) for name, column in columns.items()}
    if not any(isinstance(each, list) for each in values.values()):
        return json.dumps(values, ensure_ascii=False, default=str)
    lengths = {len(each) if isinstance(each, list) else -1 for each in values.values()}
    if len(lengths) != 1:
        raise UserError(
            f"{record.where}: {' and '.join(map(quoted, columns.values()))} are not lists of the same length"
        )
    items = zip(*values.values(), strict=True)
    return json.dumps([dict(zip(values, item, strict=True)) for item in items], ensure_ascii=False, default=str)


def _whole(found: Any) -> Any:
    """A value without empty fields: tables of the hub give every object the fields of all others, filled with null."""
    if isinstance(found, dict):
        return {name: _whole(each) for name, each in found.items() if each is not None}
    if isinstance(found, list):
        return [_whole(each) for each in found]
    return storable(found) if isinstance(found, str) else found
