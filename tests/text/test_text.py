"""What may reach the screen, and how it is laid out: hostile characters, cells, kinsoku."""

import sys
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from qtui import text

ANYTHING = st.text(st.characters(codec=None), max_size=200)
JAPANESE = st.text(
    st.sampled_from("日本語のテキストーっゃァ、。」）！？・…「『（ab c1.,()[]{}　 \n\u3099é―ｱｧ🙂"), max_size=120
)

SHORT_UNITS = st.builds(
    str.__add__,
    st.sampled_from(["日", "本", "abの", "「か", "（『あ", "x ", "１", "(と", "🙂", "　（ 字"]),
    st.sampled_from(["", "", "、", "。」", "ー", "っ", ")", "！？", " 。", "é", "\u3099"]),
)
"""Pieces that kinsoku holds together, none as wide as the narrowest line asked for."""


def forbidden(shown: str) -> list[str]:
    return [c for c in shown if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_no_character_of_unicode_gets_past_safe_that_controls_hides_or_reorders() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert forbidden(text.safe(everything)) == []


def test_what_is_harmless_stays_as_it_is() -> None:
    plain = "日本語 text\n「かっこ」 [/INST] [bold]x[/bold] \\ 🙂 ｶﾞ が"
    assert text.safe(plain) == plain


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2Jx\x1b]52;c;aGk=\x07", "[2Jx]52;c;aGk="),
        ("\x9b31mred", "31mred"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("\u2764\ufe0f 1\ufe0f\u20e3 \U0001f44d\U0001f3fd", "\u2764 1 \U0001f44d"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("a\x00b", "ab"),
        ("a\ud83db", "a\ufffdb"),
        ("\tx\n日\ty", "    x\n日  y"),
        ("e" + "\u0301" * 5000 + "x", "e" + "\u0301" * 8 + "x"),
    ],
)
def test_safe_shows(raw: str, shown: str) -> None:
    assert text.safe(raw) == shown


@given(ANYTHING)
def test_safe_leaves_no_control_character(raw: str) -> None:
    assert forbidden(text.safe(raw)) == []


@given(ANYTHING)
def test_safe_is_idempotent(raw: str) -> None:
    once = text.safe(raw)
    assert text.safe(once) == once


@given(ANYTHING)
def test_the_width_of_safe_text_is_the_sum_of_its_characters(raw: str) -> None:
    shown = text.safe(raw).replace("\n", "")
    assert text.width(shown) == cell_len(shown) == sum(cell_len(character) for character in shown)


@given(JAPANESE, st.integers(0, 40))
def test_cut_fits_its_cells(raw: str, cells: int) -> None:
    shown = text.cut(raw, cells)
    assert text.width(shown) <= cells
    assert "\n" not in shown
    if shown and shown[-1] == "…" and not raw.startswith(shown[:-1] + "…"):
        assert raw.replace("\n", " ").startswith(shown[:-1])


def test_cut_leaves_what_fits() -> None:
    assert text.cut("あいうえお", 10) == "あいうえお"
    assert text.cut("あいうえお", 9) == "あいうえ…"
    assert text.cut("あいうえお", 8) == "あいう…"


@given(JAPANESE, st.integers(1, 40))
def test_wrap_loses_only_spaces_and_newlines(raw: str, cells: int) -> None:
    joined = "".join(text.wrap(raw, cells))
    for space in (" ", "\u3000", "\n"):
        joined, raw = joined.replace(space, ""), raw.replace(space, "")
    assert joined == raw


def test_a_space_that_is_not_left_out_at_a_break_has_room() -> None:
    assert text.wrap("あ\xa0", 2) == ["あ", "\xa0"]


@given(ANYTHING, st.integers(2, 40))
def test_no_line_is_wider_than_asked(raw: str, cells: int) -> None:
    assert all(text.width(line) <= cells for line in text.wrap(text.safe(raw), cells))


def test_kinsoku_gives_way_where_a_line_has_no_room_for_it() -> None:
    assert text.wrap("000(⺀", 2) == ["00", "0(", "⺀"]


def test_a_wide_character_alone_may_be_wider_than_one_cell() -> None:
    assert text.wrap("日本", 1) == ["日", "本"]


@given(st.lists(SHORT_UNITS, max_size=40).map("".join), st.integers(14, 40))
def test_no_line_begins_or_ends_with_what_kinsoku_forbids(raw: str, cells: int) -> None:
    for (start, stop), (following, _) in pairwise(text.line_spans(raw, cells)):
        assert raw[following] not in text.CLOSERS, raw[start:stop]
        assert raw[stop - 1] not in text.OPENERS, raw[start:stop]


@pytest.mark.parametrize(
    ("raw", "cells", "lines"),
    [
        ("今日は、晴れです。", 16, ["今日は、晴れで", "す。"]),
        ("「はい」と言う", 6, ["「は", "い」と", "言う"]),
        ("ああ「いう", 6, ["ああ", "「いう"]),
        ("wordsと日本語", 6, ["wordsと"[:5], "と日本", "語"]),
        ("キャッチャー", 6, ["キャッ", "チャー"]),
        ("use foo(bar) here", 9, ["use", "foo(bar)", "here"]),
        ("あ\n\nい", 10, ["あ", "", "い"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("", 10, [""]),
    ],
)
def test_wrap_breaks(raw: str, cells: int, lines: list[str]) -> None:
    assert text.wrap(raw, cells) == lines


@pytest.mark.parametrize("looped", ["。", "（", "「」", "a)(", "。 ", "( ", "ー", "word", " ", "\u0301", "あ"])
def test_a_loop_of_100_000_characters_is_wrapped_in_linear_time(looped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (_measured(monkeypatch, (looped * length)[:length]) for length in (10_000, 100_000))
    assert many <= 11 * few + 1000


def test_japanese_prose_is_measured_less_than_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = ("吾輩は猫である。名前はまだ無い。どこで生れたか「とんと」見当がつかぬ。it was dark, " * 300)[:10_000]
    assert _measured(monkeypatch, raw) < 2 * len(raw)


def _measured(monkeypatch: pytest.MonkeyPatch, raw: str) -> int:
    """Return how many characters are measured while the text is wrapped: that is most of the time that wrapping takes."""
    measured = 0

    def counting(measure: Callable[[str], int]) -> Callable[[str], int]:
        def count(characters: str) -> int:
            nonlocal measured
            measured += len(characters)
            return measure(characters)

        return count

    shown = text.safe(raw)
    with monkeypatch.context() as patch:
        for name in ("cell_len", "get_character_cell_size"):
            patch.setattr(text, name, counting(getattr(text, name)))
        text.wrap(shown, 40)
    return measured


NAMES = ("ELYZA-japanese-Llama-2-7b-instruct", "ELYZA-japanese-Llama-2-13b-instruct", "calm2")


@pytest.mark.parametrize("cells", [8, 10, 14, 24, 34, 50])
def test_names_that_begin_alike_are_told_apart_at_every_width(cells: int) -> None:
    shown = text.tell_apart(NAMES, cells)
    assert len(set(shown)) == len(NAMES)
    assert max(map(text.width, shown)) <= cells


def test_names_keep_their_beginning_where_that_tells_them_apart() -> None:
    assert text.tell_apart(["Swallow-7b-instruct", "calm2-7b-chat"], 10) == ["Swallow-7…", "calm2-7b-…"]


def test_names_that_differ_only_in_groups_are_told_apart_within_them() -> None:
    names = [f"a long common beginning {word} and more of it {end}" for word in "xy" for end in "12"]
    assert len(set(text.tell_apart(names, 20))) == 4


def test_the_same_name_twice_is_cut_as_ever() -> None:
    assert text.tell_apart(["a name", "a name"], 4) == ["a n…", "a n…"]
