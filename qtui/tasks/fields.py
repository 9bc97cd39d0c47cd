"""Making a `Task` from a record: the keys for input, reference and criteria.

Three conventions are supported: ELYZA-tasks-100 on the hub (input, output, eval_aspect), the 2024 study (input_text, output_text,
eval_aspect), and that of qtui (input, reference, criteria).
"""

from qtui.errors import UserError
from qtui.records import Task
from qtui.tasks.jsonl import Record, storable

INPUT = ("input", "input_text")
REFERENCE = ("output", "output_text", "reference")
CRITERIA = ("eval_aspect", "criteria")


def task(record: Record) -> Task:
    """The task in a record. Raises UserError if it has no input, or if a field is not text."""
    text = _text(record, INPUT)
    if text is None:
        raise record.missing("input")
    if not text.strip():
        raise UserError(f'{record.where}: "input" is empty: a task needs an instruction')
    return Task(text, _text(record, REFERENCE) or "", _text(record, CRITERIA) or "")


def _text(record: Record, names: tuple[str, ...]) -> str | None:
    """The value of the first of these keys that the record has. null counts as absent, like an empty cell of a table."""
    for name in names:
        value = record.values.get(name)
        if isinstance(value, str):
            return storable(value)
        if value is not None:
            raise record.wrong_type(name, "text")
    return None
