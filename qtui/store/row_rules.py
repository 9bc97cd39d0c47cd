"""What every row of a store holds to: the type of each column, JSON of the right form, times and numbers in bounds.

SQLite keeps any value in any column, and a damaged page may turn one into another. Readers rely on these rules; a row that breaks
one is damaged, and is named by its table and its key.
"""

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

import msgspec

from qtui.records import (
    UNKNOWN,
    Choice,
    ChoiceScore,
    Expected,
    FinishReason,
    FirstDifference,
    JudgeFacts,
    Role,
    Scale,
    ScorerSpec,
    TaskSetFacts,
)
from qtui.run_progress import BatchState, JudgeState, RunState, ScorerState, VariantState
from qtui.store.expected_schema import Column, Table
from qtui.store.schema import MIGRATIONS

LATEST_SECONDS = 1e11
"""No time is later: every function of the calendar knows the years until then."""
LARGEST_NUMBER = 2**53
"""The largest whole number that JSON and a float keep; sums of such numbers stay within SQLite's."""
LARGEST_PLACE = 2**31 - 1
LARGEST_SCALE = 100_000

JSON_COLUMNS: Mapping[tuple[str, str], Any] = {
    ("run", "task_set_facts"): tuple[TaskSetFacts, ...],
    ("lease", "ends"): tuple[str, ...],
    ("variant", "conditions"): dict[str, str],
    ("variant", "facts"): dict[str, Any],
    ("task", "expected"): Expected,
    ("answer", "choice_scores"): tuple[ChoiceScore, ...],
    ("judge", "settings"): dict[str, Any],
    ("judge", "facts"): JudgeFacts,
    ("scorer", "settings"): ScorerSpec,
    ("divergence", "parting"): FirstDifference,
    ("made", "facts"): dict[str, Any],
    ("making", "types"): tuple[str, ...],
}
"""(table, column) → the type that its JSON has."""
WORDS: Mapping[type, str] = {
    int: "a whole number", float: "a number with a fraction", str: "text", bytes: "bytes", type(None): "nothing",
}  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {"INTEGER": (int,), "REAL": (float, int), "TEXT": (str,), "BLOB": (bytes,)}
_DEFINITION = re.compile(r"^ *(?:ALTER TABLE \w+ ADD COLUMN )?(\w+) (INTEGER|REAL|TEXT|BLOB)\b", re.MULTILINE)
_TIMES = frozenset(
    ("created", "started", "ended", "seen", "heartbeat", "submitted", "changed", "ends_at", "paused_since")
)
_FLAGS = frozenset(("is_baseline", "starred", "allows_cpu", "thought_unfinished", "is_cancelled", "may_stop_early"))
_PLACES = frozenset(("position", "sample", "take", "takes", "grade", "expected", "follows", "pid", "tokens"))
_POSITIVE = frozenset(("task.position", "take", "takes", "pid"))
_STATES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("run", "source"): ("run", "import"),
    ("run", "state"): get_args(RunState),
    ("run", "request"): ("", "cancel", "pause"),
    ("variant", "role"): get_args(Role),
    ("variant", "state"): get_args(VariantState),
    ("judge", "state"): get_args(JudgeState),
    ("scorer", "state"): get_args(ScorerState),
    ("batch", "state"): get_args(BatchState),
    ("answer", "finish_reason"): get_args(FinishReason),
    ("preference", "choice"): tuple(choice.name.lower() for choice in Choice),
    ("making", "kind"): ("quantize", "bench"),
}


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A text that is not UTF-8."""

    content: bytes


def decode_text(content: bytes) -> str | Undecodable:
    """Return a text of SQLite; the text factory of a connection that reads damaged rows."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return Undecodable(content)


def broken(table: Table, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (column, what is wrong with it) for each rule that a row breaks. Columns that the row lacks are not looked at."""
    for column, check in _checks(table):
        if column in row and (wrong := check(row[column])):
            yield column, wrong
    if table.name == "divergence" and (wrong := _wrong_lengths(row)):
        yield "tokens", wrong


def label(table: Table, row: Mapping[str, Any]) -> str:
    """Return what a message calls a row: its table and key."""
    return f"table {table.name}, {key_label(table, row)}"


def key_label(table: Table, row: Mapping[str, Any]) -> str:
    """Return what a message calls a row of a table that it has named: its key."""
    if table.has_row_ids:
        return f"row {_short(row[table.key[0]])}"
    return "row " + ", ".join(f"{part} {_short(row[part])}" for part in table.key)


def types_by_column() -> dict[str, frozenset[type]]:
    """Return the types that a column of this name may have in any table, that of NULL included."""
    found: dict[str, set[type]] = {}
    # Read from the text of the migrations: to make their tables would delay every command.
    for name, type_ in _DEFINITION.findall("\n".join(MIGRATIONS)):
        found.setdefault(name, {type(None)}).update(_TYPES[type_])
    return {name: frozenset(types) for name, types in found.items()}


def decode(text: str | bytes, type_: Any) -> Any:
    """Return the value of a JSON column. Raises ValueError, with no part of the text in its words."""
    try:
        if type_ is FirstDifference:  # its probabilities may be NaN, which Python's JSON has and msgspec's has not
            return msgspec.convert(json.loads(text), type_)
        return msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ValueError("no JSON of the form that it should have") from None


_Check = Callable[[Any], str]


@lru_cache(maxsize=128)
def _checks(table: Table) -> tuple[tuple[str, _Check], ...]:
    return tuple((column.name, _check_of(table.name, column)) for column in table.columns)


def _check_of(table: str, column: Column) -> _Check:
    types = _TYPES[column.type]
    value_check = _value_check(table, column.name)

    def check(value: Any) -> str:
        if value is None:
            return "is missing" if column.is_required else ""
        if isinstance(value, Undecodable):
            return "is no text in UTF-8"
        if not isinstance(value, types):
            return f"is {WORDS[type(value)]} instead of {WORDS[types[0]] if column.type != 'REAL' else 'a number'}"
        return value_check(value)

    return check


def _value_check(table: str, column: str) -> _Check:
    if (table, column) in JSON_COLUMNS:
        return lambda value: _wrong_json(table, column, value)
    if (table, column) in _STATES:
        states = _STATES[table, column]
        return lambda value: "" if value in states else "has a value that does not exist"
    if column in _TIMES:
        return lambda value: "" if 0 <= value <= LATEST_SECONDS else "is no time"
    if column in _FLAGS:
        return lambda value: "" if value in (0, 1) else "is neither 0 nor 1"
    if column in _PLACES:
        least = (
            1 if column in _POSITIVE or f"{table}.{column}" in _POSITIVE else 0 if column != "grade" else -LARGEST_PLACE
        )
        return lambda value: "" if least <= value <= LARGEST_PLACE else "is out of bounds"
    return _wrong_number


def _wrong_number(value: Any) -> str:
    if isinstance(value, int | float):
        return "" if math.isfinite(value) and abs(value) <= LARGEST_NUMBER else "is out of bounds"
    return ""


def _wrong_json(table: str, column: str, text: str) -> str:
    try:
        value = decode(text, JSON_COLUMNS[table, column])
        if (table, column) == ("judge", "settings") and value.get("scale"):
            _check_scale(msgspec.convert(value["scale"], Scale))
        if (table, column) == ("variant", "conditions"):
            _check_conditions(value)
    except (ValueError, msgspec.MsgspecError):
        return "is no JSON of the form that it should have"
    return ""


def _check_scale(scale: Scale) -> None:
    if not 0 < scale.highest - scale.lowest < LARGEST_SCALE or len(scale.labels) not in (0, len(scale.numbers)):
        raise ValueError("no scale")


def _check_conditions(values: Mapping[str, str]) -> None:
    for name in ("sampling", "thinking"):
        if values.get(name, "") not in ("", UNKNOWN):
            decode(values[name], dict[str, Any])


def _wrong_lengths(row: Mapping[str, Any]) -> str:
    """The blobs have four bytes per token, the flags one."""
    tokens = row["tokens"]
    sizes = {name: row[name] for name in ("kl", "baseline_logp", "candidate_logp", "flags")}
    if not isinstance(tokens, int) or not all(isinstance(value, bytes) for value in sizes.values()):
        return ""
    fits = all(len(value) == tokens * (1 if name == "flags" else 4) for name, value in sizes.items())
    return "" if fits else "does not fit the length of what was measured"


def _short(value: Any) -> str:
    return str(value)[:60] if isinstance(value, int | float | str) else WORDS.get(type(value), "unreadable")


def as_mapping(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row by column."""
    return dict(zip(row.keys(), row, strict=True))
