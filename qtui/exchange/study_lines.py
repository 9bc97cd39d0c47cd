"""The lines of the study's files: answers in `preds.jsonl`, grades in `result.jsonl` or `result_take1.jsonl`, …"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qtui.errors import UserError
from qtui.files.text_decoding import storable
from qtui.tasks.jsonl import imported_lines
from qtui.tasks.table import Record

ANSWERS, TASKS = "preds.jsonl", "dataset.jsonl"
_GRADES = re.compile(r"^result(?:_take([1-9][0-9]{0,5}))?\.jsonl$")
"""A take of more digits is the name of something else: no store could hold its number."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GradeLine:
    """`grade` None is ungraded."""

    grade: int | None
    reason: str


def grade_files(folder: Path) -> list[tuple[int, Path]]:
    """(take, file) of every file with grades; `result.jsonl` is take 1."""
    return sorted((int(match[1] or 1), path) for path in folder.iterdir() if (match := _GRADES.match(path.name)))


def is_file_of_the_layout(name: str) -> bool:
    return name in (ANSWERS, TASKS) or bool(_GRADES.match(name))


def answers(folder: Path) -> list[str]:
    """The answers in a folder. Raises UserError naming file, line and key."""
    return [_answer(record) for record in imported_lines(folder / ANSWERS).records]


def counted_answers(folder: Path, count: int) -> tuple[str, ...]:
    return _counted(folder / ANSWERS, _answer, count)


def counted_grades(file: Path, count: int) -> tuple[GradeLine, ...]:
    return _counted(file, _grade, count)


def first_difference(lines: Sequence[object], others: Sequence[object]) -> int | None:
    """The number (from 1) of the first line that differs; None if one list is the beginning of the other."""
    return next((i for i, pair in enumerate(zip(lines, others, strict=False), start=1) if pair[0] != pair[1]), None)


def _counted(file: Path, read_one: Callable[[Record], T], count: int) -> tuple[T, ...]:
    lines = tuple(read_one(record) for record in imported_lines(file).records)
    if len(lines) != count:
        raise UserError(f"{file}: {len(lines)} lines for {count} tasks")
    return lines


def _answer(record: Record) -> str:
    if "pred" not in record.values:
        raise record.missing("pred")
    text = record.values["pred"]
    if not isinstance(text, str):
        raise record.wrong_type("pred", "text")
    return storable(text)


def _grade(record: Record) -> GradeLine:
    """A grade of 1–5, a number or a digit as text (judges wrote both); null is ungraded."""
    if "grade" not in record.values:
        raise record.missing("grade")
    value, reason = record.values["grade"], record.values.get("reason")
    if isinstance(value, str) and value.strip() in ("1", "2", "3", "4", "5"):
        value = int(value)
    if value is not None and (isinstance(value, bool) or value not in (1, 2, 3, 4, 5)):
        raise record.wrong_type("grade", "1 to 5")
    return GradeLine(None if value is None else int(value), storable(reason) if isinstance(reason, str) else "")
