"""From a judge's reply to a grade, only where the judge unmistakably gave it; everything else is asked again, then *ungraded*.

In this order:

1. A reply that the server ended early (token limit, filter, error) or that is a refusal is none.
2. Thoughts are removed. Thoughts without an end are no reply.
3. One object of JSON with a key `grade`, or several that say the same, is a grade: a number of the judge's scale as an integer, as
   4.0, or alone in a string as "4" or as one of the scale's labels. Prose and code fences around it and other keys in it do not
   matter.
4. No grade: an object inside another or in a list, one that is only mentioned (see `quotation`), a key twice, whatever is no JSON.
5. If the reply names another grade beside that of its object, or begins another object without ending it, nothing is guessed.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from qtui.endpoints.completion import Completion
from qtui.judges.json_objects import JsonObject, json_objects, prose
from qtui.judges.protocol import Reply
from qtui.judges.quotation import is_mentioned
from qtui.records import FIVE_POINTS, Scale
from qtui.tasks.jsonl import storable
from qtui.thinking import split_reply

GRADE, REASON = "grade", "reason"
WHOLE_ENDS = frozenset(
    ("", "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed", "finish_reason_stop")
)  # fmt: skip
"""Finish reasons of a reply that the judge itself ended, in lower case; some servers name none."""
CUT_ENDS = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
_NAMED_GRADE = re.compile(
    r"(?:\bgrade|(?:^|[。.:：]|\b(?:final|overall|total|my|the)\b)[ \t*_#-]*(?:score|rating)"
    r"|(?:^|[。.:：]|最終|総合|訂正)[ \t*_#-]*(?:評価|評点|採点|点数|得点|スコア))"
    r"[ \t\"'*`_」]*(?:[:：=は]|\b(?:is|was|should be|must be|becomes)\b)[ \t\"'*`_「]*"
    r"(?P<value>-?\d+(?:\.\d+)?(?:/\d+)?)(?![\d./]*\s*(?:[-–—〜~～|=:：]|to\b|or\b|から|段階|点?満点|,\s*\d))",
    re.IGNORECASE | re.MULTILINE,
)
"""A grade in prose or in broken JSON, such as `**Grade: 2**`; ranges and scales are none."""
_OTHER_NAME = re.compile(r"(?:(?:final|overall|total)[ _-]?)?grade", re.IGNORECASE)
_SHOWN = 40
_LONGEST_NUMBER = 16


def read(completion: Completion, scale: Scale = FIVE_POINTS, *, prompt: str = "", answer: str = "") -> Reply:
    """Return the grade and its reason, or no grade and why there is none.

    `prompt` is what the judge was sent, `answer` the graded answer in it: what a reply copies from there is no grade.
    """
    if why := _why_no_reply(completion):
        return Reply(None, why)
    try:
        text = _without_thoughts(completion.text)
        return Reply(None, "its thoughts have no end") if text is None else _read_text(text, scale, prompt, answer)
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


def _read_text(text: str, scale: Scale, prompt: str, answer: str) -> Reply:
    objects = json_objects(text)
    own = [each.value for each in _own(objects, text, prompt, answer) if isinstance(each.value, dict)]
    if not own:
        return Reply(None, "no JSON object with a grade that is the judge's own")
    grades = [_grade(each[GRADE], scale) for each in own]
    if None in grades:
        wrong = own[grades.index(None)][GRADE]
        return Reply(None, f"grade {_shown(wrong)} is no integer from {scale.lowest} to {scale.highest}")
    around = prose(text, objects)
    others = {grade for each in objects if each.value not in own for grade in _grades_in(each.value, scale)}
    others |= {
        _grade(value, scale) for each in own for key, value in each.items() if _OTHER_NAME.fullmatch(key.strip())
    }
    others |= {_named_grade(named["value"], scale) for named in _NAMED_GRADE.finditer(around)}
    if len({*grades, *others}) > 1:
        return Reply(None, "several grades that differ")
    if _differ(own):
        return Reply(None, "several objects that differ")
    if around.count("{") > around.count("}"):
        return Reply(None, "an object that has no end")
    return Reply(grades[0], next((reason for each in own if (reason := _reason(each))), ""))


def _own(objects: list[JsonObject], text: str, prompt: str, answer: str) -> list[JsonObject]:
    """Return the objects that have the shape that was asked for, and are the reply rather than a part or a mention in it."""
    shaped = [each for each in objects if not each.is_nested and isinstance(each.value, dict) and GRADE in each.value]
    if not shaped:
        return []
    in_answer, in_prompt = set(_graded(answer)), set(_graded(prompt))
    return [each for each in shaped if _is_own(each, text, in_prompt, in_answer)]


def _is_own(found: JsonObject, text: str, in_prompt: set[str], in_answer: set[str]) -> bool:
    assert isinstance(found.value, dict)
    copy, reason = _as_copied(found.value), _reason(found.value)
    if copy in in_answer:
        return False
    return not is_mentioned(text, found.start, found.end, reason, is_copied=copy in in_prompt)


def _graded(text: str) -> Iterator[str]:
    """Yield every object in a text that a reply could copy as its grade, at any depth, as it is compared."""
    values: list[Any] = [each.value for each in json_objects(text)]
    while values:
        value = values.pop()
        if isinstance(value, dict) and _reason(value) and GRADE in value:
            yield _as_copied(value)
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _as_copied(value: dict[str, Any]) -> str:
    grade = value[GRADE]
    written = unicodedata.normalize("NFKC", grade).strip() if isinstance(grade, str) else json.dumps(grade)
    return json.dumps([_reason(value), written.removesuffix(".0")])


def _differ(own: list[dict[str, Any]]) -> bool:
    """Return whether objects say different things: a key that several have has to have one value, but for the grade's spelling."""
    said: dict[str, str] = {}
    for each in own:
        for key, value in each.items():
            text = _reason(each) if key == REASON else json.dumps(value, sort_keys=True)
            if key != GRADE and (key != REASON or text) and said.setdefault(key, text) != text:
                return True
    return False


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
    return _number(unicodedata.normalize("NFKC", text).removesuffix(f"/{scale.highest}"), scale)


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
