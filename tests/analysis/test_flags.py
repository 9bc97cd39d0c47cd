"""Flags: each against its definition written out slowly, so that the fast scans cannot drift from it."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.analysis.flags import flag_answers
from tests.analysis.frames import answer_rows, task_rows

LATIN = re.compile(r"[A-Za-z]{2,}")


def loops_slowly(text: str) -> bool:
    """The definition of `_method.loop` of the reference figures, word for word."""
    end = text.rstrip()
    for period in range(1, 101):
        same = 0
        while same < len(end) - period and end[-1 - same] == end[-1 - same - period]:
            same += 1
        if same >= max(4 * period, 40):
            return True
    stripped = text.strip()
    grams = [stripped[i : i + 10] for i in range(len(stripped) - 9)]
    return len(grams) >= 50 and 1 - len(set(grams)) / len(grams) >= 0.5


@st.composite
def repetitive_texts(draw: st.DrawFn) -> str:
    """A prefix, a unit repeated to somewhere around the limits, perhaps a broken end."""
    unit = draw(st.text(alphabet="abあい \n", min_size=1, max_size=12)) * draw(st.sampled_from([1, 1, 2, 8, 9]))
    size = draw(st.integers(0, 560))
    prefix = draw(st.text(alphabet="cdえお ", max_size=90))
    end = draw(st.sampled_from(["", " ", "\n\n", "x", "。", "xyz", unit[: len(unit) // 2]]))
    return prefix + (unit * (size // len(unit) + 1))[:size] + end


def looping(texts: list[str]) -> "pd.Series[bool]":
    return flag_answers(answer_rows("v", texts), task_rows(len(texts)))["looping"]


@given(st.lists(repetitive_texts(), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_looping_equals_its_slow_definition(texts: list[str]) -> None:
    assert looping(texts).tolist() == [loops_slowly(text) for text in texts]


@pytest.mark.parametrize("period", [1, 9, 10, 11, 50, 99, 100, 101])
def test_looping_turns_at_the_exact_length_for_each_period(period: int) -> None:
    unit = "".join(chr(0x4E00 + i) for i in range(period))
    suffix = max(4 * period, 40)
    lengths = range(suffix + period - 2, suffix + period + 3)
    texts = [(unit * (n // period + 1))[:n] for n in lengths]
    assert looping(texts).tolist() == [loops_slowly(text) for text in texts]


def test_repeated_sentences_loop_even_when_the_end_differs() -> None:
    sentence = "これは同じ文をくりかえしている例です。"
    assert looping(
        [sentence * 6 + "おしまい", sentence + "ちがうことを続けて書いたので、くりかえしではありません。" * 1]
    ).tolist() == [
        True,
        False,
    ]


def test_nul_characters_of_an_answer_are_not_taken_for_padding() -> None:
    texts = ["\0" * n for n in (39, 40, 41, 42)]
    assert looping(texts).tolist() == [loops_slowly(text) for text in texts] == [False, False, True, True]


def test_a_block_border_inside_many_answers_changes_nothing() -> None:
    texts = [f"{i}" + "あ" * (i % 60) for i in range(11_000)]
    assert looping(texts).tolist() == [i % 60 >= 41 for i in range(11_000)]


def flags_of(text: str, *, given: str = "", reference: str = "") -> pd.Series:
    return flag_answers(answer_rows("v", [text]), task_rows(1, given=given, reference=reference)).iloc[0]


@pytest.mark.parametrize(
    ("text", "empty", "short"),
    [("", True, True), (" \n　", True, True), ("あ" * 19, False, True), (" " + "あ" * 20, False, False)],
)
def test_empty_and_short_count_stripped_characters(text: str, empty: bool, short: bool) -> None:
    found = flags_of(text)
    assert (bool(found["empty"]), bool(found["short"])) == (empty, short)
    assert (found["length_raw"], found["length"]) == (len(text), len(text.strip()))


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Python を使う", False),
        ("PYTHON", False),
        ("Rust を使う", True),
        ("x と y", False),
        ("Pythonic", True),
        ("", False),
    ],
)
def test_latin_new_is_a_word_that_the_task_does_not_have(text: str, new: bool) -> None:
    assert bool(flags_of(text, given="python で書いて", reference="答え")["latin_new"]) is new


def test_a_latin_word_does_not_reach_over_two_answers() -> None:
    frame = flag_answers(answer_rows("v", ["あa", "bい", "", "cd"]), task_rows(4))
    assert frame["latin_word"].tolist() == [False, False, False, True]


@given(st.lists(st.text(alphabet="aBZ1 あ漢ー。éж", max_size=30), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_latin_flags_equal_their_slow_definitions(texts: list[str]) -> None:
    frame = flag_answers(answer_rows("v", texts), task_rows(len(texts)))
    letters = [[c for c in text if c.isalpha()] for text in texts]
    majority = [2 * sum(c.isascii() for c in found) > len(found) for found in letters]
    assert frame["latin_word"].tolist() == [LATIN.search(text) is not None for text in texts]
    assert frame["latin_majority"].tolist() == majority


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("これは日本語の答えで、ひらがながある。", False),
        ("This is an English answer.", True),
        ("这是一个用中文写的回答没有假名而且相当长的句子", True),
        ("日本", False),
    ],
)
def test_other_language_for_a_japanese_reference(text: str, other: bool) -> None:
    assert bool(flags_of(text, reference="これは答えです")["other_language"]) is other


def test_english_is_not_another_language_where_the_reference_is_english() -> None:
    assert not flags_of("This is an English answer.", reference="An English reference")["other_language"]


def test_truncated_is_the_finish_reason_length() -> None:
    answers = pd.concat(
        [answer_rows("v", ["a"], finish=f) for f in ("stop", "length", None, "unknown")], ignore_index=True
    )
    found = flag_answers(answers, task_rows(1))
    assert found["truncated"].tolist() == [False, True, False, False]
    assert found["finish_known"].tolist() == [True, True, False, False]


@pytest.mark.filterwarnings("error")
def test_missing_texts_tasks_and_lone_surrogates_are_survived() -> None:
    texts = pd.Series([None, "y", "\ud800abc" + "あ" * 100], dtype=object)
    answers = answer_rows("v", ["", "", ""]).assign(text=texts)
    found = flag_answers(answers, task_rows(1).iloc[:0])
    assert found["empty"].tolist() == [True, False, False]
    assert not found["latin_new"].any()


def test_no_answers_give_the_same_columns() -> None:
    some, none = answer_rows("v", ["あ"]), answer_rows("v", [])
    assert list(flag_answers(none, task_rows(1)).columns) == list(flag_answers(some, task_rows(1)).columns)
    assert flag_answers(none, task_rows(1))["empty"].dtype == np.bool_


def test_the_index_of_the_answers_is_kept() -> None:
    answers = answer_rows("v", ["", "あ"]).set_index(pd.Index([7, 3]))
    assert flag_answers(answers, task_rows(2))["empty"].to_dict() == {7: True, 3: False}


def test_a_latin_phrase_is_found_as_by_its_slow_definition() -> None:
    slowly = re.compile(r"[A-Za-z]+(?:[ ,.'-]+[A-Za-z]+){3,}")
    texts = [
        "one two three",
        "one two three four",
        "あone, two... three-four",
        "a  b'c.d",
        "a b c dé f",
        "一b c 二d e f",
    ]
    found = flag_answers(answer_rows("v", texts), task_rows(len(texts)))["latin_phrase"].tolist()
    assert found == [slowly.search(text) is not None for text in texts]
    assert found == [False, True, True, True, True, False]


@pytest.mark.timeout(60)
def test_one_endless_word_takes_no_square_of_its_length() -> None:
    """A megabyte of one letter: the search for a phrase once tried every letter of it as a beginning, for hours."""
    assert not flag_answers(answer_rows("v", ["x" * 2**20]), task_rows(1))["latin_phrase"].any()
