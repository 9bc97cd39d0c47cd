"""Rows of the table `task` as records, and back."""

import json
import sqlite3
from dataclasses import asdict
from typing import Any

import msgspec

from qtui.records import NOTHING_EXPECTED, Expected, Task

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


def task(row: sqlite3.Row) -> Task:
    """Return the task of a row with `COLUMNS`."""
    return Task(
        row["input"],
        row["reference"],
        row["criteria"],
        row["category"],
        row["subset"],
        row["follows"],
        msgspec.json.decode(row["expected"], type=Expected),
    )
