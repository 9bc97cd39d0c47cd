"""From a judge's reply to a grade or choice, only where the judge unmistakably gave it; everything else is asked again.

A reply that cannot be read after that leaves the answer *ungraded*.

In this order:

1. A reply that the server ended early (token limit, filter, error) or that is a refusal is none.
2. Thoughts are removed. Thoughts without an end are no reply.
3. One object of JSON with the key that was asked for, or several that say the same, is read: what its value may be says
   `qtui.judges.wanted`. Prose and code fences around it and other keys in it do not matter.
4. No grade: an object inside another or in a list, one that is only mentioned (see `quotation`), a key twice, whatever is no JSON.
5. If the reply names another grade beside that of its object, or begins another object without ending it, nothing is guessed.
"""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from qtui.endpoints.completion import Completion
from qtui.errors import shortened
from qtui.files.text_decoding import storable
from qtui.judges.json_objects import JsonObject, json_objects, prose
from qtui.judges.protocol import Reply
from qtui.judges.quotation import is_mentioned
from qtui.judges.wanted import CHOICE, Wanted, of_scale
from qtui.records import FIVE_POINTS, Scale
from qtui.secrets.redaction import redact
from qtui.thinking import split_reply

REASON = "reason"
WHOLE_ENDS = frozenset(
    ("", "stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "completed", "finish_reason_stop")
)  # fmt: skip
"""Finish reasons of a reply that the judge itself ended, in lower case; some servers name none."""
CUT_ENDS = frozenset(("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"))
_SHOWN = 40
LONGEST_REPLY = 4000
"""Characters of a reply that could not be read which are stored as the reason why there is no grade."""


def read(completion: Completion, scale: Scale = FIVE_POINTS, *, prompt: str = "", answer: str = "") -> Reply:
    """Return the grade and its reason, or no grade and why there is none.

    `prompt` is what the judge was sent, `answer` the graded answer in it: what a reply copies from there is no grade.
    """
    return _read(completion, of_scale(scale), prompt, (answer,))


def read_choice(completion: Completion, *, prompt: str = "", answers: Sequence[str] = ()) -> Reply:
    """Return which of two answers a reply prefers and why, or no choice and why there is none; otherwise as `read`."""
    return _read(completion, CHOICE, prompt, answers)


def _read(completion: Completion, wanted: Wanted, prompt: str, answers: Sequence[str]) -> Reply:
    if why := _why_no_reply(completion):
        return Reply(None, why)
    try:
        text = _without_thoughts(completion.text)
        return Reply(None, "its thoughts have no end") if text is None else _read_text(text, wanted, prompt, answers)
    except RecursionError:
        return Reply(None, "its brackets are nested too deeply")


def whole_text(completion: Completion) -> str:
    """Return all that the judge wrote, for a person who wants to see why there is no grade."""
    if completion.text.strip() or completion.refusal:
        return storable(completion.text if completion.text.strip() else completion.refusal)
    return storable(f"(no text, only thoughts) {completion.thoughts}") if completion.thoughts.strip() else "(no text)"


def last_reply(completion: Completion, why: str) -> str:
    """Return why a reply could not be read, and the reply itself, for a person who wants to see what the judge meant.

    It is cut where nobody reads on: a judge that writes without end fills no store. Secrets are removed.
    """
    whole = redact(whole_text(completion))
    cut = f" (cut: it has {len(whole):,} characters)" if len(whole) > LONGEST_REPLY else ""
    return f"last reply ({redact(why)}): {shortened(whole, LONGEST_REPLY)}{cut}"


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


def _read_text(text: str, wanted: Wanted, prompt: str, answers: Sequence[str]) -> Reply:
    objects = json_objects(text)
    own = [each.value for each in _own(objects, text, wanted, prompt, answers) if isinstance(each.value, dict)]
    if not own:
        return Reply(None, f"no JSON object with a {wanted.noun} that is the judge's own")
    found = [wanted.value(each[wanted.key]) for each in own]
    if None in found:
        return Reply(None, wanted.refused(_shown(own[found.index(None)][wanted.key])))
    around = prose(text, objects)
    others = {value for each in objects if each.value not in own for value in _values_in(each.value, wanted)}
    others |= {
        wanted.value(value)
        for each in own
        for key, value in each.items()
        if wanted.other_key.fullmatch(key.strip()) and key != wanted.key
    }
    others |= {wanted.named_value(named) for named in wanted.named.finditer(around)}
    if len({*found, *others}) > 1:
        return Reply(None, f"several {wanted.noun}s that differ")
    if _differ(own, wanted):
        return Reply(None, "several objects that differ")
    if around.count("{") > around.count("}"):
        return Reply(None, "an object that has no end")
    return Reply(found[0], next((reason for each in own if (reason := _reason(each))), ""))


def _own(objects: list[JsonObject], text: str, wanted: Wanted, prompt: str, answers: Sequence[str]) -> list[JsonObject]:
    """Return the objects that have the shape that was asked for, and are the reply rather than a part or a mention in it."""
    shaped = [
        each for each in objects if not each.is_nested and isinstance(each.value, dict) and wanted.key in each.value
    ]
    if not shaped:
        return []
    in_answers = {copy for answer in answers for copy in _copied(answer, wanted)}
    in_prompt = set(_copied(prompt, wanted))
    return [each for each in shaped if _is_own(each, text, wanted, in_prompt, in_answers)]


def _is_own(found: JsonObject, text: str, wanted: Wanted, in_prompt: set[str], in_answers: set[str]) -> bool:
    assert isinstance(found.value, dict)
    copy, reason = _as_copied(found.value, wanted), _reason(found.value)
    if copy in in_answers:
        return False
    return not is_mentioned(text, found.start, found.end, reason, is_copied=copy in in_prompt)


def _copied(text: str, wanted: Wanted) -> Iterator[str]:
    """Yield every object in a text that a reply could copy as its grade, at any depth, as it is compared."""
    values: list[Any] = [each.value for each in json_objects(text)]
    while values:
        value = values.pop()
        if isinstance(value, dict) and _reason(value) and wanted.key in value:
            yield _as_copied(value, wanted)
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _as_copied(value: dict[str, Any], wanted: Wanted) -> str:
    said = value[wanted.key]
    written = unicodedata.normalize("NFKC", said).strip() if isinstance(said, str) else json.dumps(said)
    return json.dumps([_reason(value), written.removesuffix(".0")])


def _differ(own: list[dict[str, Any]], wanted: Wanted) -> bool:
    """Return whether objects say different things: a key that several have has to have one value, but for the grade's spelling."""
    said: dict[str, str] = {}
    for each in own:
        for key, value in each.items():
            text = _reason(each) if key == REASON else json.dumps(value, sort_keys=True)
            if key != wanted.key and (key != REASON or text) and said.setdefault(key, text) != text:
                return True
    return False


def _reason(value: dict[str, Any]) -> str:
    reason = value.get(REASON)
    if reason is None:
        return ""
    return storable(reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)).strip()


def _values_in(value: object, wanted: Wanted) -> Iterator[int | None]:
    """Yield what every key that is asked for says in a value, at any depth; None for what is none. A schema's say nothing."""
    if isinstance(value, list):
        for each in value:
            yield from _values_in(each, wanted)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict | list):
                yield from _values_in(each, wanted)
            elif key.strip().casefold() == wanted.key:
                yield wanted.value(each)


def _shown(value: object) -> str:
    text = storable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
