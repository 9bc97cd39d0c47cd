"""Which characters of two answers differ."""

from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz
from rich.cells import split_graphemes

from qtui.differences import MOST_COMPARED, differences, likeness, unified

WORDS = st.text("あいうえお、。のをabc\n\t\r", max_size=80)


@given(WORDS, WORDS)
def test_runs_cover_both_texts_and_equal_ones_are_equal(left: str, right: str) -> None:
    found = differences(left, right)
    at_left = at_right = 0
    for run in found.runs:
        assert run.left[0] == at_left
        assert run.right[0] == at_right
        at_left, at_right = run.left[1], run.right[1]
        assert not run.equal or left[slice(*run.left)] == right[slice(*run.right)]
    assert (at_left, at_right) == (len(left), len(right))


@given(WORDS, WORDS)
def test_what_is_not_marked_is_the_same_in_both(left: str, right: str) -> None:
    found = differences(left, right)
    assert _without(left, found.left) == _without(right, found.right)


@given(WORDS, WORDS)
def test_the_texts_are_equal_before_the_divergence_and_differ_at_it(left: str, right: str) -> None:
    point = differences(left, right).divergence
    if point is None:
        assert left == right
    else:
        assert left[:point] == right[:point]
        assert left[point : point + 1] != right[point : point + 1]


@given(WORDS, WORDS)
def test_similarity_is_what_rapidfuzz_calls_ratio(left: str, right: str) -> None:
    assert likeness(left, right).similarity == pytest.approx(fuzz.ratio(left, right) / 100)


def test_a_line_break_is_a_character_of_its_own_beside_joined_ones_too() -> None:
    assert likeness("あ\nい", "あい").similarity == pytest.approx(0.8)
    assert likeness("👩‍👧\nい", "👩‍👧い").similarity == pytest.approx(0.8)
    assert likeness("か\u3099\nい", "か\u3099い").divergence == 2


JOINED = st.lists(
    st.sampled_from(
        [
            "👩‍👧",
            "👨‍👩‍👧‍👦",
            "👍🏻",
            "👍🏿",
            "❤️‍🔥",
            "e\u0301",
            "か\u3099",
            "葛\U000e0100",
            "1️⃣",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "\r\n",
            "\n",
            "\t",
            "a",
            "猫",
        ]
    ),
    max_size=12,
).map("".join)


@given(JOINED, JOINED)
def test_no_mark_begins_or_ends_inside_a_character(left: str, right: str) -> None:
    found = differences(left, right)
    for text, spans in ((left, found.left), (right, found.right)):
        edges = {edge for start, stop, _ in split_graphemes(text)[0] for edge in (start, stop)}
        # The library attaches line breaks and tabs to the character before them; they are characters of their own.
        edges |= {edge for place, each in enumerate(text) if each in "\r\n\t" for edge in (place, place + 1)}
        assert {edge for span in spans for edge in span} <= edges
    assert _without(left, found.left) == _without(right, found.right)


@given(JOINED, JOINED)
def test_marking_and_figures_begin_at_the_same_character(left: str, right: str) -> None:
    assert differences(left, right).divergence == likeness(left, right).divergence


@pytest.mark.parametrize(
    ("left", "right", "similarity"),
    [
        ("👨‍👩‍👧‍👦", "👩‍👧", 0.0),  # of eleven code points, nine of one are in common
        ("👍🏻", "👍🏿", 0.0),
        ("猫👩‍👧", "猫👨‍👩‍👧‍👦", 0.5),
        ("か\u3099き", "かき", 0.5),
        ("👩‍👧" * 3, "👩‍👧" * 3, 1.0),
    ],
)
def test_a_joined_character_is_one_character(left: str, right: str, similarity: float) -> None:
    assert likeness(left, right).similarity == similarity


def test_particles_between_larger_changes_count_as_changed() -> None:
    found = differences("東京の天気を調べた。", "大阪府の料理を食べた。")
    assert [(run.equal, run.left) for run in found.runs] == [(False, (0, 7)), (True, (7, 10))]


def test_one_changed_character_in_a_sentence_is_marked_alone() -> None:
    found = differences("今日は晴れです", "今日は雨れです")
    assert found.left == ((3, 4),)
    assert found.right == ((3, 4),)


def test_unified_shows_both_sides_of_a_change_and_leaves_out_long_equal_parts() -> None:
    left, right = "あ" * 200 + "X" + "い" * 10, "あ" * 200 + "YZ" + "い" * 10
    pieces = [(piece.kind, len(piece.text)) for piece in unified(left, right, differences(left, right))]
    assert pieces == [("skipped", 176), ("equal", 24), ("left", 1), ("right", 2), ("equal", 10)]


@given(WORDS, WORDS)
def test_unified_loses_nothing_of_either_text(left: str, right: str) -> None:
    pieces = unified(left, right, differences(left, right))
    assert "".join(piece.text for piece in pieces if piece.kind != "right") == left
    assert "".join(piece.text for piece in pieces if piece.kind != "left") == right


def test_very_long_answers_are_compared_by_their_ends() -> None:
    length = int(MOST_COMPARED**0.5) * 6
    left, right = "始" + "あ" * length + "終", "始" + "い" * length + "終"
    with pytest.MonkeyPatch.context() as patch:
        for alignment in ("Levenshtein.opcodes", "Indel.normalized_similarity"):
            patch.setattr(f"rapidfuzz.distance.{alignment}", _refuse)
        found = differences(left, right)
    assert found.left == ((1, length + 1),)
    assert found.divergence == 1


def _refuse(*_: str) -> NoReturn:
    raise AssertionError("characters are aligned, which takes as long as the product of the lengths")


def _without(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    for start, stop in reversed(spans):
        text = text[:start] + text[stop:]
    return text
