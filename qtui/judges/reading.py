"""From a judge's reply to a grade, only where the judge unmistakably gave it; everything else is asked again, then *ungraded*.

In this order:

1. A reply that the server ended early (token limit, filter, error) or that is a refusal is none.
2. Thoughts are removed. Thoughts without an end are no reply.
3. One object of JSON with a key `grade`, or several that say the same, is a grade: a number of the judge's scale as an integer, as
   4.0, or alone in a string as "4" or as one of the scale's labels. Prose and code fences around it and other keys in it do not
   matter.
4. No grade: an object inside another or in a list, a quoted one (see `quotation`), a key twice, and whatever is no JSON.
5. If the reply names another grade anywhere outside of its object, nothing is guessed.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from qtui.endpoints.completion import Completion
from qtui.judges.json_objects import JsonObject, json_objects, prose
from qtui.judges.protocol import Reply
from qtui.judges.quotation import is_quoted
from qtui.judges.thoughts import without_thoughts
from qtui.records import FIVE_POINTS, Scale
from qtui.tasks.jsonl import storable

GRADE, REASON = "grade", "reason"
WHOLE_ENDS = frozenset(
    ("", "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed", "finish_reason_stop")
)  # fmt: skip
"""Finish reasons of a reply that the judge itself ended, in lower case; some servers name none."""
CUT_ENDS = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
_NAMED_GRADE = re.compile(
    r"\bgrade[ \t\"'*`_」]*[:：=][ \t\"'*`_「]*(?P<value>-?\d+(?:\.\d+)?(?:/\d+)?)"
    r"(?![\d./]*\s*(?:[-–—〜~～|=:：]|to\b|or\b|から|段階|,\s*\d))",
    re.IGNORECASE,
)
"""A grade in prose or in broken JSON, such as `**Grade: 2**`; ranges and scales are none."""
_SHOWN = 40
_LONGEST_NUMBER = 16


def read(completion: Completion, scale: Scale = FIVE_POINTS) -> Reply:
    """Return the grade and its reason, or no grade and why there is none."""
    if why := _why_no_reply(completion):
        return Reply(None, why)
    try:
        text = without_thoughts(completion.text)
        return Reply(None, "its thoughts have no end") if text is None else _read_text(text, scale)
    except RecursionError:
        return Reply(None, "its brackets are nested too deeply")


def whole_text(completion: Completion) -> str:
    """Return all that the judge wrote, for a person who wants to see why there is no grade."""
    if completion.text.strip() or completion.refusal:
        return storable(completion.text if completion.text.strip() else completion.refusal)
    return storable(f"(no text, only thoughts) {completion.thoughts}") if completion.thoughts.strip() else "(no text)"


def _why_no_reply(completion: Completion) -> str:
    end = completion.server_finish.strip().casefold()
    if end in CUT_ENDS:
        return "cut off at the token limit"
    if end not in WHOLE_ENDS:
        return f"ended by the server: {completion.server_finish}"
    if completion.refusal.strip():
        return "refused by the judge"
    return "" if completion.text.strip() else "no text"


def _read_text(text: str, scale: Scale) -> Reply:
    objects = json_objects(text)
    own = [each.value for each in objects if _is_own(each, text) and isinstance(each.value, dict)]
    if not own:
        return Reply(None, "no JSON object with a grade that is the judge's own")
    grades = [_grade(each[GRADE], scale) for each in own]
    if None in grades:
        wrong = own[grades.index(None)][GRADE]
        return Reply(None, f"grade {_shown(wrong)} is no integer from {scale.lowest} to {scale.highest}")
    reasons = {reason: None for each in own if (reason := _reason(each))}
    others = {grade for each in objects if each.value not in own for grade in _grades_in(each.value, scale)}
    others |= {_named_grade(named["value"], scale) for named in _NAMED_GRADE.finditer(prose(text, objects))}
    if len({*grades, *others}) > 1:
        return Reply(None, "several grades that differ")
    if len(reasons) > 1:
        return Reply(None, "several objects that differ")
    return Reply(grades[0], next(iter(reasons), ""))


def _is_own(found: JsonObject, text: str) -> bool:
    """Return whether an object has the shape that was asked for, and is the reply rather than a part or a quotation in it."""
    if found.is_nested or not isinstance(found.value, dict) or GRADE not in found.value:
        return False
    return not is_quoted(text, found.start, found.end, _reason(found.value))


def _grade(value: object, scale: Scale) -> int | None:
    """Return the grade that a value is: 4, 4.0, "4", a number in the digits of another script, or a label alone in a string."""
    if isinstance(value, str):
        value = _number(value.strip(), scale)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value in scale.numbers else None


def _named_grade(text: str, scale: Scale) -> int | None:
    """Return the grade that prose names: `4`, or `4/5` if 5 is the highest."""
    return _number(text.removesuffix(f"/{scale.highest}"), scale)


def _number(text: str, scale: Scale) -> int | None:
    labelled = [
        number
        for number, label in zip(scale.numbers, scale.labels, strict=False)
        if text.casefold() == label.casefold()
    ]
    if labelled:
        return labelled[0] if len(labelled) == 1 else None
    if len(text) > _LONGEST_NUMBER:
        return None
    digits = "".join(str(unicodedata.decimal(each, each)) for each in text)
    return next((number for number in scale.numbers if digits == str(number)), None)


def _reason(value: dict[str, Any]) -> str:
    reason = value.get(REASON)
    if reason is None:
        return ""
    return storable(reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)).strip()


def _grades_in(value: object, scale: Scale) -> Iterator[int | None]:
    """Yield what every key `grade` in a value says, at any depth; None for what is no grade. A schema's properties say nothing."""
    if isinstance(value, list):
        for each in value:
            yield from _grades_in(each, scale)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict | list):
                yield from _grades_in(each, scale)
            elif key.strip().casefold() == GRADE:
                yield _grade(each, scale)


def _shown(value: object) -> str:
    text = storable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
