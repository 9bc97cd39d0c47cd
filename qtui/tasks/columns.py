"""Which column of a task file is the input, the reference, the criteria: by name, or as the experiment says.

The names are those of ELYZA-tasks-100, of the 2024 study, of qtui, and of the common sets of instructions (Alpaca, Dolly, ShareGPT,
FLAN, evaluation sets). Capitals, spaces and hyphens do not matter. Where two columns could be the input, none is chosen.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from qtui.errors import UserError
from qtui.tasks.table import Table, listed, quoted

OWN_INPUTS = ("input", "input_text")
INSTRUCTION = "instruction"
COMPANIONS = (*OWN_INPUTS, "context")
"""What an instruction is about (Alpaca: `input`; Dolly: `context`): both belong to the prompt."""
OTHER_INPUTS = ("inputs", "prompt", "question", "query", "problem")
CONVERSATIONS = ("conversations", "conversation", "messages", "turns")
REFERENCES = (
    "output", "output_text", "reference", "reference_answer", "outputs", "target", "targets", "answer", "expected",
    "expected_output", "expected_answer", "response", "completion", "solution", "ideal", "ground_truth",
)  # fmt: skip
CRITERIA = ("eval_aspect", "criteria", "rubric")
BESIDE = (
    "context",
    "passage",
    "document",
    "history",
    "system",
    "system_prompt",
    "system_message",
    "choices",
    "options",
)
"""Columns that usually belong to the question, in an order and a form that only the user knows."""
_CHOICE = re.compile(r"(?:choice|option|opt|ans|answer|ending|選択肢)_?(?:\d|[a-h])")
"""Columns with one choice of a question each; so are A and B, where both are there."""
OWN = (*OWN_INPUTS, "output", "output_text", "reference", "eval_aspect", "criteria")
"""Names that qtui documents as its own, which need no explanation."""
_KNOWN = frozenset((*OWN_INPUTS, INSTRUCTION, *OTHER_INPUTS, *CONVERSATIONS, *REFERENCES, *CRITERIA, *BESIDE))


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What the experiment says about a task file; what it does not say is found by name."""

    input: tuple[str, ...] = ()
    """Columns whose texts are joined by an empty line; the first turn of a conversation."""
    reference: str | None = None
    """Empty: the tasks have no reference."""
    criteria: str | None = None
    """Empty: the tasks have no criteria."""
    encoding: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.input, *(name for name in (self.reference, self.criteria) if name))


class ColumnError(UserError):
    """A column that the experiment names is not in the file. `key` is the experiment's key that names it."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


@cache
def normal(name: str) -> str:
    """`Input Text`, `inputText`, `INPUT-TEXT` and `input_text` are one name."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFKC", name).replace("\ufeff", "").strip())
    return re.sub(r"[\s_-]+", "_", words).strip("_").casefold()


def beside(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that usually belong to the question, choices last."""
    letters = {normal(name) for name in names if len(normal(name)) == 1}
    are_choices = {"a", "b"} <= letters
    choices = [
        name
        for name in names
        if _CHOICE.fullmatch(normal(name)) or (are_choices and len(normal(name)) == 1 and normal(name) in "abcdefgh")
    ]
    return (*(name for known_name in BESIDE for name in names if normal(name) == known_name), *choices)


def is_known(name: str) -> bool:
    return normal(name) in _KNOWN


def named(table: Table, columns: ColumnMap) -> ColumnMap:
    """The map with the names as the file spells them. Raises ColumnError for a name that the file does not have."""
    return ColumnMap(
        tuple(_found(table, "input", name) for name in columns.input),
        _found(table, "reference", columns.reference) if columns.reference else columns.reference,
        _found(table, "criteria", columns.criteria) if columns.criteria else columns.criteria,
        columns.encoding,
    )


def known(table: Table, names: Sequence[str]) -> tuple[str, ...]:
    """The file's columns with one of these names, in the order of the names."""
    return tuple(column for name in names for column in table.columns if normal(column) == name)


def advice(table: Table, example: Sequence[str] = ()) -> str:
    """How to map the columns of a file, for the end of a message."""
    if not table.can_be_mapped:
        return "The columns of an import are input_text, output_text and eval_aspect."
    source = table.path.name
    if len(example) > 1:
        joined = ", ".join(quoted(name) for name in example)
        return (
            f"Say which in the experiment: [tasks] input = {quoted(example[0])}, or input = [{joined}] for all of them,"
            f' beside source = "{source}".'
        )
    name = quoted(example[0]) if example else '"…"'
    return f'Say which column it is in the experiment: [tasks] input = {name}, reference = "…", beside source = "{source}".'


def advice_for(table: Table, key: str, name: str) -> str:
    """The same for the reference and the criteria, of which a task has one or none."""
    if not table.can_be_mapped:
        return advice(table)
    return f'Say which in the experiment: [tasks] {key} = {quoted(name)} ("" for none), beside source = "{table.path.name}".'


def _found(table: Table, key: str, name: str) -> str:
    if name in table.columns:
        return name
    similar = [column for column in table.columns if normal(column) == normal(name)]
    if len(similar) == 1:
        return similar[0]
    close = get_close_matches(name, table.columns, n=1)
    hint = f"; did you mean {quoted(close[0])}?" if close else ""
    raise ColumnError(key, f"{table.path}: has no column {quoted(name)} (columns: {listed(table.columns)}){hint}")
