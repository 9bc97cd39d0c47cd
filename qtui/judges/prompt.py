"""The judge's prompt, a template with the slots {input_text} {output_text} {eval_aspect} {pred}, and reading the grade in a reply.

The study's grading script uses the same slot names, so its template files work unchanged. All slots are filled in one pass over the
template, so braces in an answer, or an answer that contains `{pred}`, stay unchanged.
"""

import json
import re
from collections.abc import Iterator

from qtui.errors import UserError
from qtui.judges.protocol import Question, Reply
from qtui.tasks.jsonl import storable

SLOT = re.compile(r"\{(input_text|output_text|eval_aspect|pred)\}")
LOWEST, HIGHEST = 1, 5


def check(template: str) -> None:
    """Raises UserError if the template has no slot for the answer."""
    if "{pred}" not in template:
        raise UserError("the judge's prompt template has no {pred}, the slot for the answer.")


def fill(template: str, question: Question) -> str:
    values = {
        "input_text": question.input,
        "output_text": question.reference,
        "eval_aspect": question.criteria,
        "pred": question.answer,
    }
    return SLOT.sub(lambda slot: values[slot[1]], template)


def read(text: str) -> Reply | None:
    """The grade in a reply: the last JSON object with an integer `grade` from 1 to 5; None if there is none.

    The JSON may be inside prose or code fences, and the grade may be a string such as "4". Nothing else is accepted.
    """
    for candidate in reversed(list(_objects(text))):
        grade = candidate.get("grade")
        if isinstance(grade, str) and len(grade.strip()) == 1 and grade.strip().isdecimal():
            grade = int(grade)
        if isinstance(grade, float) and grade.is_integer():
            grade = int(grade)
        if isinstance(grade, int) and not isinstance(grade, bool) and LOWEST <= grade <= HIGHEST:
            return Reply(grade, storable(str(candidate.get("reason", ""))))
    return None


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if isinstance(value, dict):
            yield value
        start = text.find("{", end)
