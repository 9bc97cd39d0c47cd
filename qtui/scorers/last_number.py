"""Last number: is the number that the answer ends in the right one? As GSM8K and MGSM are scored (Cobbe et al. 2021, Shi et
al. 2022).

`style`:

- `flexible` (default): the number of the last conclusion (`#### 42`, `\\boxed{42}`, "the answer is 42", 「答えは42」; after a "="
  in it, what follows), else the last number of the answer.
- `last`: the last number of the answer, whatever it concludes (`flexible-extract` of lm-evaluation-harness).
- `strict`: only a number after the first `#### `, as GSM8K's program and the harness's `strict-match` read it; without it the
  answer is wrong.

Numbers are compared exactly: 42, 42.0, ４２ and 84/2 are equal, 0.33 and 1/3 are not, unless within `tolerance`. The harness
compares texts, so 42.0 is wrong there; its `flexible-extract` also takes dots and signs alone for a number ("it is 73.." is wrong),
and its MGSM in Japanese a full stop after the number ("49 apples." is wrong). Kanji
numerals count in a conclusion, or if they are all that the answer says; in a sentence (一番) they are no numbers. Units and
currencies are ignored.
"""

import re
from fractions import Fraction

from qtui.records import Score
from qtui.scorers.numerals import KANJI, LONGEST, in_words, kanji_number, numbers, simplify
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings, quoted, unscored

STYLES = ("flexible", "last", "strict")
_STRICT = re.compile(r"#### (-?[0-9.,]+)")
_CONCLUSION = re.compile(
    r"####\s*|\\boxed\s*\{\s*|\b(?:answer|result|total)\b[*_\"”]*\s*(?:is|was|=|:|equals|should be)[*_:\s\"“]*"
    r"|(?:答え|こたえ|正解|解答|回答|結論|答)[*_」』\s]*(?:は|が|:|=|、|と)[、:*_\s「『]*",
    re.IGNORECASE,
)
_END_OF_SENTENCE = re.compile(r"[。\n]|(?<!\d)\.(?=\s|$)|\.(?=\s+[A-Z])")
_COUNTER = (
    r"(?:個|人|円|本|枚|匹|台|冊|時間|分間?|秒間?|日間?|週間|[ヶか箇]月|年間?|歳|才|回|倍|点|問|つ|ドル|セント|度|杯|袋|箱|羽|頭"
    r"|[ァ-ヶー]+)?"
)
_WHOLLY_KANJI = re.compile(rf"[「『(]?([{KANJI}]+){_COUNTER}[」』)]?(?:です|だ|である|になります|となります)?[。.!]?")


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    expected = [value for text in question.references if (value := _expected(text)) is not None]
    if not expected:
        return unscored(f"the reference {quoted(question.references[0])!r} has no number")
    found = found_number(question.answer, settings["style"])
    right = in_words(expected[0])
    if found is None:
        return Score(0.0, f"took no number, expected {right}")
    tolerance = Fraction(str(settings["tolerance"]))
    is_right = any(abs(found - value) <= tolerance for value in expected)
    return Score(float(is_right), f"took {quoted(in_words(found))}" + ("" if is_right else f", expected {right}"))


def found_number(answer: str, style: str) -> Fraction | None:
    """Return the number that an answer ends in, in that style; None if there is none."""
    if style == "strict":
        return _strict_number(answer)
    text = simplify(answer)
    if style == "flexible":
        for mark in reversed(list(_CONCLUSION.finditer(text))):
            concluded = _concluded(_sentence(text[mark.end() :]))
            if concluded is not None:
                return concluded
    found = list(numbers(text))
    return found[-1].value if found else _wholly_kanji(text)


def _strict_number(answer: str) -> Fraction | None:
    found = _STRICT.search(answer)
    digits = found[1].replace(",", "").removesuffix(".") if found else ""
    return (
        Fraction(digits)
        if re.fullmatch(rf"-?(?:\d{{1,{LONGEST}}}\.?\d{{0,{LONGEST}}}|\.\d{{1,{LONGEST}}})", digits)
        else None
    )


def _expected(reference: str) -> Fraction | None:
    return found_number(reference, "flexible")


def _sentence(text: str) -> str:
    """Return the first sentence of the text that says something."""
    text = text.lstrip()
    end = _END_OF_SENTENCE.search(text)
    return text[: end.start()] if end else text


def _concluded(sentence: str) -> Fraction | None:
    last = re.split(r"[=≒≈]", sentence)[-1] if re.search(r"[=≒≈]", sentence) else sentence
    value = _first_number(last)
    return value if value is not None else _first_number(sentence)


def _first_number(text: str) -> Fraction | None:
    """Return the first number of a conclusion; kanji numerals count where they begin it."""
    begins = re.match(rf"[「『(*\s]*([{KANJI}]+)", text)
    kanji = kanji_number(begins[1]) if begins else None
    if (
        begins
        and kanji is not None
        and re.match(rf"{_COUNTER}(?:[。、.」』)*\s]|です|だ|で|に|と|を|が|$)", text[begins.end() :])
    ):
        return kanji
    return next((number.value for number in numbers(text)), None)


def _wholly_kanji(text: str) -> Fraction | None:
    match = _WHOLLY_KANJI.fullmatch(text.strip())
    return kanji_number(match[1]) if match else None
