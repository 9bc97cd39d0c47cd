"""The names that task sets use for input, reference and criteria, and one record's way to a `Task`.

Three conventions are in use: ELYZA-tasks-100 on the hub (input, output, eval_aspect), the 2024 study (input_text, output_text,
eval_aspect), and our own words (input, reference, criteria).
"""

from qtui.errors import UserError
from qtui.records import Task
from qtui.tasks.jsonl import Record, storable

INPUT = ("input", "input_text")
REFERENCE = ("output", "output_text", "reference")
CRITERIA = ("eval_aspect", "criteria")


def task(record: Record) -> Task:
    """Raises UserError where there is no input, or where a field is something else than text."""
    text = _text(record, INPUT)
    if text is None:
        raise record.missing("input")
    if not text.strip():
        raise UserError(f'{record.where}: "input" is empty: a task needs an instruction')
    return Task(text, _text(record, REFERENCE) or "", _text(record, CRITERIA) or "")


def _text(record: Record, names: tuple[str, ...]) -> str | None:
    """The first of the names that the record has. null counts as absent, as in a table with empty cells."""
    for name in names:
        value = record.values.get(name)
        if isinstance(value, str):
            return storable(value)
        if value is not None:
            raise record.wrong_type(name, "text")
    return None
