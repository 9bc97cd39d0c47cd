"""The number that an answer ends in: Japanese and Western ways to write it, and what is no number."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.scorers.last_number import found_number
from qtui.scorers.numerals import kanji_number
from tests.scorers.ask import ask


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("答えは４２です。", 42),
        ("答えは五個です", 5),
        ("五", 5),
        ("十二個です。", 12),
        ("合計は3万5千円です", 35000),
        ("1.5億円", 150_000_000),
        ("￥１，２３４", 1234),
        ("答え：\n42 個", 42),
        ("#### 1,234", 1234),
        ("The answer is 5 + 3 = 8.", 8),
        ("\\boxed{\\frac{1}{2}}", Fraction(1, 2)),
        ("So we get 1 1/2 cups", Fraction(3, 2)),
        ("½", Fraction(1, 2)),
        ("He pays $1,000.50.", Fraction(2001, 2)),
        ("so we get -10 apples", -10),
        ("マイナス5です", -5),
        ("x = 10 - 3", 3),
        ("20-24歳", 24),
        ("面積は 25m²", 25),
        ("Answer: **7**. He has 9 friends.", 7),
        ("答えは42個で、残りは3個です。", 42),
        ("1e5", 100000),
    ],
)
def test_the_number_is_taken(answer: str, number: float | Fraction) -> None:
    assert found_number(answer, "flexible") == number


@pytest.mark.parametrize("answer", ["一番よい。", "二三個", "わかりません", "", "10²", "100,000,00", "9" * 5000])
def test_what_is_no_number_or_could_be_two_is_not_taken(answer: str) -> None:
    assert found_number(answer, "flexible") is None


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_is_read_with_and_without_thousands_and_in_full_width(value: int) -> None:
    wide = str(value).translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    for written in (str(value), f"{value:,}", wide, f"答えは{value}です。", f"#### {value:,}"):
        assert found_number(written, "flexible") == value


def in_kanji(value: int) -> str:
    """The number as Japanese write it, below 10¹⁶."""
    text = ""
    for unit, large in ((10**12, "兆"), (10**8, "億"), (10**4, "万"), (1, "")):
        section, value = divmod(value, unit)
        part = ""
        for size, small in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit, section = divmod(section, size)
            if digit:
                part += ("" if digit == 1 and size > 1 else "一二三四五六七八九"[digit - 1]) + small
        text += part + large if part else ""
    return text


@given(st.integers(1, 10**13).filter(lambda value: value >= 10))
def test_every_kanji_numeral_has_its_value(value: int) -> None:
    assert kanji_number(in_kanji(value)) == value


def test_the_reason_says_what_was_taken_and_what_was_expected() -> None:
    assert ask("last_number", "答えは42です", "41").reason == "took 42, expected 41"
    assert ask("last_number", "no idea", "41").score == 0
    assert ask("last_number", "84/2", "42").score == 1


def test_a_reference_without_a_number_is_unscored_and_a_wrong_answer_is_not() -> None:
    assert ask("last_number", "42", "forty-two").score is None
    assert ask("last_number", "", "42").score == 0


def test_tolerance_is_absolute() -> None:
    assert ask("last_number", "0.333", "1/3", tolerance=0.001).score == 1
    assert ask("last_number", "0.333", "1/3").score == 0


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("答えは-27です。", -27),
        ("よって-19.5個になります。", Fraction(-39, 2)),
        ("合計-5円", -5),
        ("残りは−3", -3),
        ("3個-2個", 2),
        ("10月-12月", 12),
        ("5千円-300", 300),
        ("コード-5", 5),
        ("A-1", 1),
        ("é-4", 4),
    ],
)
def test_a_hyphen_after_japanese_is_a_sign_unless_it_stands_between_two_numbers(
    answer: str, number: float | Fraction
) -> None:
    assert found_number(answer, "last") == number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("#### 12\n#### 13", 12),
        ("#### -1,234.50 dollars", Fraction(-2469, 2)),
        ("so #### 7.", 7),
        ("####7", None),
        ("#### about 7", None),
        ("#### $7", None),
        ("#### 1.2.3", None),
        ("#### ,.", None),
        ("7", None),
    ],
)
def test_strict_takes_the_first_number_right_after_the_mark_as_gsm8k_does(
    answer: str, number: float | Fraction | None
) -> None:
    """What `re.compile(r"#### (\\-?[0-9\\.\\,]+)")`, of GSM8K and of lm-evaluation-harness, finds in the answer."""
    assert found_number(answer, "strict") == number
