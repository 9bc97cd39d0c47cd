"""Stores in which every text is hostile. The fillers go by the schema: a new column is filled without a change here.

`fill` makes a whole store, whose tables qtui shows; `fill_damaged` one with JSON of wrong forms as well, at which qtui stops.
"""

import itertools
import json
import sqlite3
import types
import typing
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from qtui.records import ScorerSpec
from qtui.store import expected_schema, grades, open_store, row_rules
from qtui.variant_facts import VariantFacts
from tests import filled_store, scored_store, stores
from tests.store import every_table

CONTROLS = "".join(map(chr, (*range(1, 32), *range(127, 160))))
HOSTILE = (
    "\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1bP+q544e\x1b\\\x1b_Ga=T\x1b\\\x1b^x\x1b\\"
    "\x1b[5m\x1b[8m\x1b[6n\x1b[>c\x1bc\x9b2J\x9d0;o\x9c"
    "[bold red]m[/] [@click=app.quit]q[/] {x} %s $(id) \u202eabc\u2066d\u2069 z\u200bw\u200dj\ufeff \u2028 "
    f"\U000e0001 {CONTROLS} "
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
"""Columns of the damaged store that keep their texts, by table."""
KEPT_WORDS = {
    "run": {"date"},
    "variant": {"engine"},
    "batch_question": {"outcome"},
    "making": {"state"},
    "attempt": {"outcome"},
}
"""Columns of the whole store that keep their texts, by table: qtui chose them from a few words, and no rule says so."""
GRADES = {"FP16": [3] * 12, "Q4_K_M": [3] * 11 + [2], "Q2_K": [1] * 12}


def fill(path: Path) -> None:
    """Make a store with rows in every table and all that panes and commands show, and make its texts hostile.

    A text stays as it is only where the rules of rows refuse any other: the store is whole.
    """
    every_table.fill(path)
    pets = filled_store.fill(path, grade_of=GRADES)
    with closing(open_store(path)) as store:
        stores.add_judge(store, pets, "openai:second")
        stores.grade(store, pets, GRADES, judge="openai:second")
        for place in list(grades.places(store, pets).values())[:5]:
            grades.commit_human(store, place, 3, "mine")
        store.execute("DELETE FROM lease")  # it says that this process works on a run
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in expected_schema.tables().values():
            _make_rows_hostile(connection, table)
        connection.execute("UPDATE variant SET facts = ?", (json.dumps(_facts()),))
        # A divergence is current if it was measured with the weights that the facts name.
        connection.execute("UPDATE divergence SET baseline_weights = ?, candidate_weights = ?", (HOSTILE, HOSTILE))
        connection.execute("UPDATE answer SET text = text || ? WHERE id = 1", (LONG,))
        connection.commit()


def _make_rows_hostile(connection: sqlite3.Connection, table: expected_schema.Table) -> None:
    texts = [
        each.name for each in table.columns if each.type == "TEXT" and each.name not in KEPT_WORDS.get(table.name, ())
    ]
    place = " AND ".join(f'"{part}" IS ?' for part in table.key)
    for row in connection.execute(f'SELECT * FROM "{table.name}"').fetchall():
        values = dict(zip(row.keys(), row, strict=True))
        key = [values[part] for part in table.key]
        for column in texts:
            if values[column] is not None:
                values[column] = changed = _allowed(table, column, values)
                connection.execute(f'UPDATE "{table.name}" SET "{column}" = ? WHERE {place}', (changed, *key))
                key = [changed if part == column else value for part, value in zip(table.key, key, strict=True)]


def _allowed(table: expected_schema.Table, column: str, row: dict[str, Any]) -> str:
    """Return the text of a row made hostile as far as the rules of rows allow: as a whole, or leaf by leaf if it is JSON."""
    text = str(row[column])
    if (table.name, column) not in row_rules.JSON_COLUMNS:
        changed = hostile(text)
        return text if list(row_rules.broken(table, row | {column: changed})) else changed
    value = json.loads(text)
    for number in range(_leaf_count(value)):
        changed_value = _with_hostile_leaf(value, number)
        if not list(row_rules.broken(table, row | {column: json.dumps(changed_value)})):
            value = changed_value
    return json.dumps(value) if "owned" in json.dumps(value) else text


def _leaf_count(value: Any) -> int:
    found: list[str] = []
    _leaves(value, lambda text: found.append(text) or text)  # type: ignore[func-returns-value]
    return len(found)


def _with_hostile_leaf(value: Any, number: int) -> Any:
    """Return the value with its text of this number made hostile; inside, if it is JSON itself."""
    numbers = itertools.count()
    return _leaves(value, lambda text: _hostile_or_inside(text) if next(numbers) == number else text)


def _hostile_or_inside(text: str) -> str:
    return _json(text) if text[:1] in ("{", "[") else hostile(text)


def fill_damaged(path: Path) -> None:
    """Make a store with rows in every table that panes read, and make all of its texts hostile, also those that have a form."""
    filled_store.fill(path, grade_of=GRADES)
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


def harmless_columns(path: Path) -> list[tuple[str, str]]:
    """Return (table, column) of texts of a store none of which is hostile, although the rules of rows allow it."""
    found = []
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        for name, table in expected_schema.tables().items():
            rows = [dict(zip(row.keys(), row, strict=True)) for row in connection.execute(f'SELECT * FROM "{name}"')]
            for column in (each.name for each in table.columns if each.type == "TEXT"):
                texts = [row for row in rows if row[column] is not None]
                is_kept = column in KEPT_WORDS.get(name, ()) or any("owned" in row[column] for row in texts)
                if not is_kept and any(_allowed(table, column, row) != row[column] for row in texts):
                    found.append((name, column))
    return found


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
