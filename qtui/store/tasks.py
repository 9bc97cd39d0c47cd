"""Rows of the table `task` as records, and back."""

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from qtui.records import NOTHING_EXPECTED, Task
from qtui.store import json_columns
from qtui.store.connection import Store

COLUMNS = "task.input, task.reference, task.criteria, task.category, task.subset, task.follows, task.expected"
"""The columns that `task` reads."""


def values(task: Task) -> tuple[Any, ...]:
    """Return the values of `COLUMNS`."""
    expected = {} if task.expected == NOTHING_EXPECTED else asdict(task.expected)
    return (
        task.input,
        task.reference,
        task.criteria,
        task.category,
        task.subset,
        task.follows,
        json.dumps(expected, ensure_ascii=False),
    )


def task(store: Store, row: sqlite3.Row) -> Task:
    """Return the task of a row with `COLUMNS`. Raises StoreDamagedError."""
    return Task(
        row["input"],
        row["reference"],
        row["criteria"],
        row["category"],
        row["subset"],
        row["follows"],
        json_columns.value(store, "task", "expected", row["expected"]),
    )
