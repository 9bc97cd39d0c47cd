"""A store in which every text is hostile. The filler goes by the schema: a new column is filled without a change here."""

import json
import sqlite3
import types
import typing
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from qtui.records import ScorerSpec
from qtui.store import open_store
from qtui.variant_facts import VariantFacts
from tests import filled_store, scored_store

CONTROLS = "".join(map(chr, (*range(1, 32), *range(127, 160))))
HOSTILE = (
    "\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1bP+q544e\x1b\\\x1b_Ga=T\x1b\\\x1b^x\x1b\\\x1b[5m\x1b[8m\x1b[6n\x1b[>c\x1bc\x9b2J\x9d0;o\x9c"
    f"[bold red]m[/] [@click=app.quit]q[/] {{x}} %s $(id) \u202eabc\u2066d\u2069 z\u200bw\u200dj\ufeff \u2028 \ue0001 {CONTROLS} "
)
"""Sequences that set the title, write the clipboard, ask the terminal, blink, hide and reset; markup; all control characters."""
LONG = "長" * 300_000
KEPT = {
    # What qtui itself chose from a few words. A store with another word there is damaged, which other tests are about.
    "run": {"source", "state", "request", "date"},
    "variant": {"state", "role", "engine"},
    "judge": {"state", "settings", "facts"},
    "scorer": {"state", "settings"},
    "answer": {"finish_reason"},
    "batch": {"state"},
    "batch_question": {"outcome"},
    "preference": {"choice"},
    "making": {"kind", "state", "types"},
    "attempt": {"outcome"},
    "divergence": {"parting"},
}
"""Columns that keep their texts, by table."""


def fill(path: Path) -> None:
    """Make a store with rows in every table that panes read, and make all of its texts hostile."""
    grades = {"FP16": [3] * 12, "Q4_K_M": [3] * 11 + [2], "Q2_K": [1] * 12}
    filled_store.fill(path, grade_of=grades)
    with closing(open_store(path)) as store:
        scored_store.add_scorers(
            store, scored_store.answered_run(store), ScorerSpec("last_number", "math", 0.05, ("sums",))
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("hostile", 1, hostile, deterministic=True)
        connection.create_function("hostile_json", 1, _json, deterministic=True)
        connection.execute("PRAGMA foreign_keys = OFF")
        _insert_where_nothing_is(connection)
        for table in _tables(connection):
            for column in _text_columns(connection, table):
                function = "hostile_json" if _is_json(connection, table, column) else "hostile"
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = {function}("{column}") WHERE "{column}" IS NOT NULL'
                )
        connection.execute("UPDATE variant SET facts = ?", (json.dumps(_facts()),))
        connection.execute("UPDATE answer SET text = text || ? WHERE id = 1", (LONG,))
        connection.commit()


def text_columns(path: Path) -> list[tuple[str, str]]:
    """Return (table, column) of every text that `fill` makes hostile."""
    with closing(sqlite3.connect(path)) as connection:
        return [(table, column) for table in _tables(connection) for column in _text_columns(connection, table)]


def hostile(text: str) -> str:
    """Return a hostile text; the same for the same text, so that what belongs together still does."""
    return f"{HOSTILE}{text}"


def _json(text: str) -> str:
    return json.dumps(_leaves(json.loads(text), hostile))


def _leaves(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _leaves(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [_leaves(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _facts() -> dict[str, Any]:
    """Return a hostile text for every fact of a variant that is a text or a list of texts."""
    facts: dict[str, Any] = {"another version's": HOSTILE}
    for name, hint in typing.get_type_hints(VariantFacts).items():
        kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        if str in kinds:
            facts[name] = HOSTILE
        elif any(typing.get_origin(kind) is tuple and typing.get_args(kind)[0] is str for kind in kinds):
            facts[name] = [HOSTILE]
    return facts


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return [row[0] for row in rows]


def _text_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    columns = connection.execute(f'PRAGMA table_info("{table}")')
    return [row[1] for row in columns if row[2] == "TEXT" and row[1] not in KEPT.get(table, ())]


def _is_json(connection: sqlite3.Connection, table: str, column: str) -> bool:
    first = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE "{column}" > \'\' LIMIT 1').fetchone()
    return first is not None and first[0][:1] in ("{", "[")


def _insert_where_nothing_is(connection: sqlite3.Connection) -> None:
    """Insert a row into every empty table: references to the first row, texts, small numbers."""
    for table in _tables(connection):
        if connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] or table == "lease":
            continue  # a lease says which process of this machine works
        references = {row[3]: row[2] for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')}
        columns = [
            row for row in connection.execute(f'PRAGMA table_info("{table}")') if row[4] is None or row[1] == "id"
        ]
        values = [_value(connection, row[1], row[2], references.get(row[1])) for row in columns]
        names = ", ".join(f'"{row[1]}"' for row in columns)
        connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({",".join("?" * len(values))})', values)


def _value(connection: sqlite3.Connection, column: str, kind: str, reference: str | None) -> Any:
    if reference:
        return connection.execute(f'SELECT min(id) FROM "{reference}"').fetchone()[0]
    if kind == "TEXT":
        return {"kind": "quantize", "types": '["Q4_K_M"]', "state": "submitted", "parting": None, "choice": "tie"}.get(
            column, column
        )
    return b"\0\0\0\0" if kind == "BLOB" else 1
