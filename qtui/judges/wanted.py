"""What a judge's reply is to say: a grade of a scale, or which of two answers is better; and how both are written.

A grade is a number of the scale as an integer, as 4.0, or alone in a string as "4" or as one of the scale's labels. A choice is
"A", "B" or "tie", alone in a string.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from qtui.records import Choice, Scale


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for in a reply. Values are grades, or a `Choice`."""

    key: str
    """The key of the JSON object."""
    noun: str
    value: Callable[[object], int | None]
    """What a JSON value says; None if it says nothing."""
    refused: Callable[[str], str]
    """Why a value (as text) says nothing."""
    named: "re.Pattern[str]"
    """Where prose, or broken JSON, names a value too."""
    named_value: Callable[["re.Match[str]"], int | None]
    """What it says there."""
    other_key: "re.Pattern[str]"
    """Other keys of an object that say the same."""


def of_scale(scale: Scale) -> Wanted:
    """Return what is looked for in a reply with a grade of a scale."""
    return Wanted(
        key="grade",
        noun="grade",
        value=lambda value: _grade(value, scale),
        refused=lambda shown: f"grade {shown} is no integer from {scale.lowest} to {scale.highest}",
        named=_NAMED_GRADE,
        named_value=lambda found: _named_grade(found["value"], scale),
        other_key=re.compile(r"(?:(?:final|overall|total)[ _-]?)?grade", re.IGNORECASE),
    )


_NAMED_GRADE = re.compile(
    r"(?:\bgrade|(?:^|[。.:：]|\b(?:final|overall|total|my|the)\b)[ \t*_#-]*(?:score|rating)"
    r"|(?:^|[。.:：]|最終|総合|訂正)[ \t*_#-]*(?:評価|評点|採点|点数|得点|スコア))"
    r"[ \t\"'*`_」]*(?:[:：=は]|\b(?:is|was|should be|must be|becomes)\b)[ \t\"'*`_「]*"
    r"(?P<value>-?\d+(?:\.\d+)?(?:/\d+)?)(?![\d./]*\s*(?:[-–—〜~～|=:：]|to\b|or\b|から|段階|点?満点|,\s*\d))",
    re.IGNORECASE | re.MULTILINE,
)
"""A grade in prose or in broken JSON, such as `**Grade: 2**`; ranges and scales are none."""
_LONGEST_NUMBER = 16


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


_CHOICES = {"a": Choice.FIRST, "b": Choice.SECOND, "tie": Choice.TIE}
CHOICE_WORDS = ("A", "B", "tie")
"""What a reply may say: the first answer is better, the second one, or neither."""
_NAMED_CHOICE = re.compile(
    r"(?:\[\[(?P<mark>[ABC])\]\]"
    r"|(?:\b(?:better(?: answer)?|winner|preferred(?: answer)?|(?:final|my) (?:verdict|decision|choice))"
    r"|(?:^|[。.:：]|最終|総合|訂正)[ \t*_#-]*(?:判定|勝者|(?:優れ|すぐれ)て?た?い?る?(?:回答|方)|より?良い(?:回答|方)))"
    r"[ \t\"'*`_」]*(?:[:：=は]|\b(?:is|was|should be|must be)\b)[ \t\"'*`_「]*(?:(?:answer|assistant|回答)[ \t]*)?"
    r"(?P<word>[ABＡＢ]|tie|引き分け)(?![\w\u3040-\u30ff\u3400-\u9fff]|[ \t]*(?:[|/,、]|or\b|か))"
    r")",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
"""A choice in prose, such as `**Better: B**`, or MT-Bench's `[[B]]` (`[[C]]` is a tie). `A, B or tie` is the form, no choice."""


def _choice(value: object) -> Choice | None:
    """Return the choice that a value is: "A", "B" or "tie" alone in a string, in either case and width."""
    return _CHOICES.get(unicodedata.normalize("NFKC", value).strip().casefold()) if isinstance(value, str) else None


def _named_choice(found: "re.Match[str]") -> Choice | None:
    said = found["mark"] or found["word"]
    return Choice.TIE if said in ("C", "c", "引き分け") else _choice(said)


CHOICE = Wanted(
    key="better",
    noun="choice",
    value=_choice,
    refused=lambda shown: f"better {shown} is none of A, B and tie",
    named=_NAMED_CHOICE,
    named_value=_named_choice,
    other_key=re.compile(r"(?:(?:final|overall)[ _-]?)?(?:better|winner|preferred|verdict)", re.IGNORECASE),
)
