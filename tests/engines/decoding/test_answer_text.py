import pytest

from qtui.engines.decoding import answer_text
from qtui.engines.decoding.answer_text import AnswerText
from qtui.records import Sampling


def test_a_character_split_over_tokens_is_whole() -> None:
    text = AnswerText()
    for byte in "漢字😀".encode():
        text.add(bytes([byte]))
    assert text.text == "漢字😀"


def test_a_character_that_never_ended_leaves_the_others_alone() -> None:
    text = AnswerText()
    text.add("漢".encode() + "字".encode()[:2])
    assert text.text == "漢\ufffd"


def test_control_characters_and_spaces_stay() -> None:
    text = AnswerText()
    text.add(b" \x00\x1b[31m ")
    assert text.text == " \x00\x1b[31m "


@pytest.mark.parametrize("pieces", [["おわ", "り。さて"], ["おわり。さて"], [*"おわり。"]])
def test_a_stop_text_ends_the_answer_wherever_tokens_divide_it(pieces: list[str]) -> None:
    text = AnswerText(("り。", "無い"))
    stopped = [text.add(piece.encode()) for piece in pieces]
    assert stopped == [False] * (len(pieces) - 1) + [True]
    assert text.text == "おわ"


def test_of_two_stop_texts_the_first_in_the_text_counts() -> None:
    text = AnswerText(("。", "、"))
    assert text.add("一、二。".encode())
    assert text.text == "一"


def test_room_is_what_was_asked_for_or_what_the_context_leaves() -> None:
    assert answer_text.token_budget(10, Sampling(max_tokens=5), 100) == 5
    assert answer_text.token_budget(98, Sampling(max_tokens=5), 100) == 2
    assert answer_text.token_budget(100, Sampling(max_tokens=5), 100) <= 0


def test_the_context_is_what_the_longest_answer_needs_within_what_the_model_was_made_for() -> None:
    samplings = [Sampling(max_tokens=50)] * 2
    assert answer_text.context_needed([10, 20], samplings, None, 512) == 70
    assert answer_text.context_needed([10, 20], samplings, None, 64) == 64
    assert answer_text.context_needed([10, 20], samplings, 99, 64) == 99
