"""Templates of other programs read into qtui's own form: `{input_text} {output_text} {eval_aspect} {pred} {scale}`.

A prompt that shows two answers has `{answer_a} {answer_b}` in place of `{pred} {scale}`.

Templates come with `{question}`, `{{ question }}`, `${question}`, or with braces doubled for Python's `str.format`. Names whose
meaning is known become qtui's slots. A name that is not known is never guessed: it is a problem, until `[judges.slots]` says what
it is. A template with the study's four names alone is qtui's own form: nothing in it changes.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence

from qtui.errors import UserError
from qtui.judge_prompts.slots import GRADING, PAIRWISE, SlotSet

SLOTS = GRADING.slots
"""The slots of prompts about one answer, see `SlotSet.slots`."""
PAIRWISE_SLOTS = PAIRWISE.slots
"""The slots of prompts that show two answers."""
TEXT = "text"
"""The key of `[judges.slots]` with placeholders that are no slots but text."""
_DOUBLE = re.compile(r"\{\{-?\s*([^{}]*?)\s*-?\}\}")
_SINGLE = re.compile(r"(?<![{\\])\$?\{([\w.]+|)\}(?!\})")
_MACRO = re.compile(r"\\\w+(?:\{[^{}]*\})*$")
"""The start of `\\boxed{answer}` and `\\frac{a}{b}`, whose braces are no placeholders."""
_BLOCK = re.compile(r"\{%.*?%\}", re.DOTALL)
_NAME = re.compile(r"[\w.]*")


def read_template(
    text: str, slots: Mapping[str, str | Sequence[str]] | None = None, *, is_pairwise: bool = False
) -> str:
    """Return a template in qtui's form. `slots` are those of `[judges.slots]`: a key of `SLOTS` or `TEXT` → placeholders.

    With `is_pairwise` it shows two answers, and the keys are those of `PAIRWISE_SLOTS`. Raises UserError with every problem, a line
    each: a placeholder that is not known, two for the same slot, none for an answer.
    """
    slot_set = PAIRWISE if is_pairwise else GRADING
    named = _named(slots or {})
    found = list(_placeholders(text, named, slot_set))
    problems = [*_unknown(found, named, text, slot_set), *_repeated(found, slot_set), *_missing(found, text, slot_set)]
    if problems:
        raise UserError("\n".join(problems))
    if not is_pairwise and _is_own_form(found, slot_set):
        return text  # two answers have the same names elsewhere, where braces may be doubled
    return _in_own_form(text, found, slot_set)


def find_slots(template: str, slots: Mapping[str, str] = SLOTS) -> set[str]:
    """Return the slots of a template in qtui's form, as `SLOTS` (or other `slots`) names them."""
    return {slot for slot, name in slots.items() if f"{{{name}}}" in template}


class _Placeholder:
    """A placeholder at `text[start:end]`. `slot` is what it stands for; None is unknown, `TEXT` is no placeholder."""

    def __init__(self, match: "re.Match[str]", name: str, slot: str | None) -> None:
        self.start, self.end = match.span()
        self.shown = match[0]
        self.name = name
        self.slot = slot
        self.is_double = match[0].startswith("{{")
        self.line = match.string.count("\n", 0, self.start) + 1

    @property
    def is_slot(self) -> bool:
        return self.slot not in (None, TEXT)


def _named(slots: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Return what `[judges.slots]` says, by placeholder."""
    return {
        placeholder.strip(): slot
        for slot, placeholders in slots.items()
        for placeholder in ([placeholders] if isinstance(placeholders, str) else placeholders)
    }


def _placeholders(text: str, named: Mapping[str, str], slot_set: SlotSet) -> Iterator[_Placeholder]:
    """Yield all that may be placeholders, in order, without overlaps."""
    found = [
        _Placeholder(match, marker, slot)
        for marker, slot in named.items()
        if not _NAME.fullmatch(marker)
        for match in re.finditer(re.escape(marker), text)
    ]
    doubles = [_placeholder(match, named, slot_set) for match in _DOUBLE.finditer(text)]
    singles = [
        _placeholder(match, named, slot_set)
        for match in _SINGLE.finditer(text)
        if not _MACRO.search(text, 0, match.start())
    ]
    if not any(each.is_slot for each in doubles):
        # Doubled braces around what is no name of a slot are Python's way to write braces.
        doubles = []
    elif not any(each.is_slot for each in singles):
        # In such a template single braces are text.
        singles = []
    end = 0
    for each in sorted((*found, *doubles, *singles), key=lambda each: (each.start, -each.end)):
        if each.start >= end:
            end = each.end
            yield each


def _placeholder(match: "re.Match[str]", named: Mapping[str, str], slot_set: SlotSet) -> _Placeholder:
    name = match[1]
    return _Placeholder(match, name, named.get(name) or slot_set.slot_of(_bare(name)))


def _bare(name: str) -> str:
    return name.removeprefix("item.").casefold()


def _unknown(found: Sequence[_Placeholder], named: Mapping[str, str], text: str, slot_set: SlotSet) -> Iterator[str]:
    for block in _BLOCK.finditer(text):
        if any(each.is_double for each in found):
            line = text.count("\n", 0, block.start()) + 1
            yield f"line {line}: {block[0]} is a program of Jinja. Slots are filled, programs are not run: write the text out."
            break
    unknown = {each.shown: each for each in reversed(found) if each.slot is None}
    answer = slot_set.answers[0]
    is_empty_only = set(unknown) == {"{}"} and any(each.slot in slot_set.answers for each in found)
    for each in () if is_empty_only else sorted(unknown.values(), key=lambda each: each.start):
        if other := _of_other_kind(each.name, slot_set):
            yield f"line {each.line}: {each.shown} {other}"
            continue
        name = each.name or "{}"
        yield (
            f"line {each.line}: {each.shown} is no placeholder that qtui knows. Say under [judges.slots] what it stands for:"
            f' {answer if not any(other.slot == answer for other in found) else "question"} = "{name}"'
            f' (keys: {", ".join(slot_set.slots)}), or that it is text: {TEXT} = ["{name}"].'
        )
    shown = {each.name for each in found}
    for placeholder, slot in named.items():
        if placeholder not in shown and slot != TEXT:
            yield f'slots: {slot} = "{placeholder}", but the template has no such placeholder{_list(found)}.'


def _of_other_kind(name: str, slot_set: SlotSet) -> str:
    """Say that a placeholder belongs to a prompt of the other kind; empty if it does not."""
    if slot_set is PAIRWISE and GRADING.slot_of(_bare(name)) == "scale":
        return "is for grades: a judge that compares two answers gives none."
    if slot_set is PAIRWISE and GRADING.slot_of(_bare(name)) == "answer":
        return "is the slot for a single answer: a judge that compares shows two, {answer_a} and {answer_b}."
    if slot_set is GRADING and PAIRWISE.slot_of(_bare(name)) in PAIRWISE.answers:
        return "belongs to a prompt that shows two answers: those are for judges with pairwise = true."
    return ""


def _repeated(found: Sequence[_Placeholder], slot_set: SlotSet) -> Iterator[str]:
    styles = {each.is_double for each in found if each.is_slot and each.shown.startswith(("{", "$"))}
    if len(styles) > 1:
        yield f"has placeholders in single and in double braces{_list(found)}. Write all of them in single braces."
    for slot in slot_set.slots:
        names = {each.name: each.shown for each in found if each.slot == slot}
        if len(names) > 1:
            yield (
                f"{' and '.join(names.values())} would both be the {slot}. Say under [judges.slots] what each stands for, e.g."
                f' {slot} = "{next(reversed(names))}".'
            )


def _missing(found: Sequence[_Placeholder], text: str, slot_set: SlotSet) -> Iterator[str]:
    missing = [slot for slot in slot_set.answers if not any(each.slot == slot for each in found)]
    if any(each.slot is None for each in found):
        return  # what these stand for is asked already
    others = sorted({match[0] for match in re.finditer(r"<<?\w+>>?|\[\[?[A-Z_]+\]\]?|%\(\w+\)s|\$\w+", text)})[:6]
    hint = f" (it has {', '.join(others)})" if others and not found else _list(found)
    for slot in missing:
        which = {"answer": "the answer", "answer_a": "the first answer", "answer_b": "the second answer"}[slot]
        example = {"answer": "response", "answer_a": "output_1", "answer_b": "output_2"}[slot]
        yield (
            f"has no {{{slot_set.slots[slot]}}}, the slot for {which}{hint}. If it has another placeholder for {which}, name it"
            f' under [judges.slots], e.g. {slot} = "{example}".'
        )


def _list(found: Sequence[_Placeholder]) -> str:
    names = dict.fromkeys(each.shown for each in found)
    return f" (it has {', '.join(names)})" if names else ""


def _is_own_form(found: Sequence[_Placeholder], slot_set: SlotSet) -> bool:
    own = slot_set.own_form
    return all(each.shown == f"{{{each.name}}}" and each.name in own for each in found if each.is_slot)


def _in_own_form(text: str, found: Sequence[_Placeholder], slot_set: SlotSet) -> str:
    is_format = _is_format_string(text, found)
    parts: list[str] = []
    end = 0
    for each in found:
        between = text[end : each.start]
        parts.append(_single_braces(between) if is_format else between)
        slot = slot_set.slots.get(each.slot or "")
        parts.append(f"{{{slot}}}" if slot else each.shown)
        end = each.end
    parts.append(_single_braces(text[end:]) if is_format else text[end:])
    return "".join(parts)


def _is_format_string(text: str, found: Sequence[_Placeholder]) -> bool:
    """Return whether braces are doubled because the template was made for Python's `str.format`."""
    if any(each.is_double for each in found) or not ("{{" in text or "}}" in text):
        return False
    try:
        return all(name is None or _NAME.fullmatch(name) for _, name, _, _ in string.Formatter().parse(text))
    except ValueError:
        return False


def _single_braces(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
