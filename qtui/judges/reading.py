"""From a judge's reply to a grade, only where the judge unmistakably gave it; everything else is asked again, then *ungraded*.

In this order:

1. A reply that the server ended early (token limit, filter, error) or that is a refusal is none.
2. Thoughts are removed. Thoughts without an end are no reply.
3. One object of JSON with a key `grade`, or several that say the same, is a grade: 1 to 5 as an integer, as 4.0 or as the only
   character of a string. Prose and code fences around it and other keys in it do not matter.
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
from qtui.tasks.jsonl import storable
from qtui.thinking import split_reply

LOWEST, HIGHEST = 1, 5
GRADE, REASON = "grade", "reason"
WHOLE_ENDS = frozenset(
    ("", "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed", "finish_reason_stop")
)  # fmt: skip
"""Finish reasons of a reply that the judge itself ended, in lower case; some servers name none."""
CUT_ENDS = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
_NAMED_GRADE = re.compile(
    r"\bgrade[ \t\"'*`_」]*[:：=][ \t\"'*`_「]*(?P<value>\d+(?:\.\d+)?)(?![\d.]*\s*(?:[-–—〜~～|=:：]|to\b|or\b|から|段階|,\s*\d))",
    re.IGNORECASE,
)
"""A grade in prose or in broken JSON, such as `**Grade: 2**`; ranges and scales are none."""
_SHOWN = 40


def read(completion: Completion) -> Reply:
    """Return the grade and its reason, or no grade and why there is none."""
    if why := _why_no_reply(completion):
        return Reply(None, why)
    try:
        text = _without_thoughts(completion.text)
        return Reply(None, "its thoughts have no end") if text is None else _read_text(text)
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


def _without_thoughts(text: str) -> str | None:
    """Return a reply without its thoughts; None if they have no end, so that there is no reply."""
    while True:
        found = split_reply(text, [(each.start, each.end) for each in json_objects(text)])
        if found.is_unfinished:
            return None
        if not found.has_markup:
            return text
        text = found.answer  # shorter, and perhaps with thoughts between tags of another kind


def _read_text(text: str) -> Reply:
    objects = json_objects(text)
    own = [each.value for each in objects if _is_own(each, text) and isinstance(each.value, dict)]
    if not own:
        return Reply(None, "no JSON object with a grade that is the judge's own")
    grades = [_grade(each[GRADE]) for each in own]
    if None in grades:
        wrong = own[grades.index(None)][GRADE]
        return Reply(None, f"grade {_shown(wrong)} is no integer from {LOWEST} to {HIGHEST}")
    reasons = {reason: None for each in own if (reason := _reason(each))}
    others = {grade for each in objects if each.value not in own for grade in _grades_in(each.value)}
    others |= {_grade(named["value"]) for named in _NAMED_GRADE.finditer(prose(text, objects))}
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


def _grade(value: object) -> int | None:
    """Return the grade that a value is: 4, 4.0, "4" or a digit of another script alone in a string."""
    if isinstance(value, str) and len(value.strip()) == 1:
        value = unicodedata.decimal(value.strip(), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if LOWEST <= value <= HIGHEST else None


def _reason(value: dict[str, Any]) -> str:
    reason = value.get(REASON)
    if reason is None:
        return ""
    return storable(reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)).strip()


def _grades_in(value: object) -> Iterator[int | None]:
    """Yield what every key `grade` in a value says, at any depth; None for what is no grade. A schema's properties say nothing."""
    if isinstance(value, list):
        for each in value:
            yield from _grades_in(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict | list):
                yield from _grades_in(each)
            elif key.strip().casefold() == GRADE:
                yield _grade(each)


def _shown(value: object) -> str:
    text = storable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
