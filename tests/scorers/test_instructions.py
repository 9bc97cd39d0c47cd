"""Instructions beyond IFEval's own answers: Japanese ones, sentences, and what is unscored."""

import json
from typing import Any

import pytest

from tests.scorers.ask import ask

NTH, NTH_IS = "length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "first_word": "海"}


def met(name: str, answer: str, **arguments: Any) -> float | None:
    return ask("instructions", answer, checks=json.dumps([{"id": name, "kwargs": arguments}])).score


@pytest.mark.parametrize(
    ("name", "arguments", "good", "bad"),
    [
        ("ja:letters:hiragana_only", {}, "きょうは、はれ。", "今日は晴れ"),
        ("ja:letters:katakana_only", {}, "キョウハ・ハレ!", "キョウは"),
        ("ja:letters:no_katakana", {}, "今日は晴れ", "ﾊﾚです"),
        ("ja:letters:no_hiragana", {}, "本日晴天", "本日は晴天"),
        ("ja:letters:kanji", {"kanji_limit": 3, "relation": "未満"}, "今日は", "今日本日"),
        ("ja:letters:furigana", {}, "今日（きょう）は雨（あめ）", "今日（きょう）は雨"),
        ("ja:letters:kansuuji", {}, "三個", "３個"),
        ("ja:keywords:frequency", {"keyword": "桜", "frequency": 2, "relation": "以上"}, "桜と桜", "桜"),
        ("ja:keywords:letter_frequency", {"letter": "か", "let_frequency": 2, "let_relation": "以上"}, "かとカ", "か"),
        ("ja:length_constraints:number_letters", {"num_letters": 4, "relation": "以上"}, "あいうえ", "あいう"),
        ("ja:length_constraints:number_sentences", {"num_sentences": 2, "relation": "以上"}, "はい。いや。", "「はい。」と言う。"),
        ("ja:startend:sentence_unified_end", {"ending": "です"}, "雨です。晴れです。", "雨です。晴れだ。"),
        ("ja:detectable_format:number_bullet_lists", {"num_bullets": 2}, "・あ\n・い", "- あ\n- い"),
        ("ja:detectable_format:title", {}, "『春』\n本文", "「春」"),
        ("ja:punctuation:no_period", {}, "はい", "はい。"),
        ("ja:startend:quotation", {}, "「はい」", "はい"),
        ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "at least"}, "Dr. Lee ran. Yes!", "Dr. Lee"),
        ("qtui:script_ratio", {"script": "hiragana", "at_least": 0.5}, "ひらがな漢字", "漢字漢字ひ"),
        ("qtui:number_characters", {"num_characters": 3, "relation": "less than"}, "あ い", "あいう"),
        ("language:response_language", {"language": "ja"}, "今日はとても天気が良いですね。", "It is a nice day today."),
    ],
)  # fmt: skip
def test_good_and_bad_answers(name: str, arguments: dict[str, Any], good: str, bad: str) -> None:
    assert (met(name, good, **arguments), met(name, bad, **arguments)) == (1, 0)


@pytest.mark.parametrize(
    ("sentences", "answer"),
    [
        (2, "Dr. Lee ran. Yes!"),
        (1, "Visit the U.S. Capitol in Jan. or Feb. with J. Doe"),
        (2, "He moved to the U.S. They stayed."),
        (3, "1. one apple\n2. two apples. Then three.\nEnd"),
        (2, 'He said "Stop!" Then he left.'),
        (1, "Wait!!!"),
        (2, "Wait... The end."),
        (1, "Wait... what"),
        (2, "Take x. Given that, y"),
        (1, "by B. Goode"),
        (2, "My answer is no. Generally it is not."),
        (2, "See No. 5"),
        (2, "A word.**\n\nAnother"),
        (1, "no end"),
    ],
)
def test_english_sentences_are_counted_as_punkt_counts_them(sentences: int, answer: str) -> None:
    """The numbers are those of NLTK's English Punkt model."""
    assert met("length_constraints:number_sentences", answer, num_sentences=sentences, relation="at least") == 1
    assert met("length_constraints:number_sentences", answer, num_sentences=sentences, relation="less than") == 0


@pytest.mark.parametrize(
    ("name", "arguments", "answer", "is_followed"),
    [
        (NTH, NTH_IS | {"nth_paragraph": 1}, "「海」は。\n\n次", 1),
        (NTH, NTH_IS | {"nth_paragraph": 2}, "山。\n\n海辺", 1),
        (NTH, NTH_IS | {"nth_paragraph": 2}, "山。\n\n（海", 0),
        ("combination:repeat_prompt", {"prompt_to_repeat": "NHKとは?"}, "NHKとは? 放送局。", 1),
        ("combination:repeat_prompt", {"prompt_to_repeat": "NHKとは?"}, "nhkとは? 放送局。", 0),
        ("startend:end_checker", {"end_phrase": "「以上」"}, "これで「以上』」", 1),
        ("startend:end_checker", {"end_phrase": "End"}, "これで end", 0),
        ("startend:end_checker", {"end_phrase": "以上"}, 'これで以上"', 0),
    ],
)  # fmt: skip
def test_japanese_checks_are_those_of_m_ifeval(
    name: str, arguments: dict[str, Any], answer: str, is_followed: int
) -> None:
    assert met(f"ja:{name}", answer, **arguments) == is_followed


def test_ids_of_m_ifevals_english_file_are_those_of_ifeval() -> None:
    assert met("en:punctuation:no_comma", "none") == met("punctuation:no_comma", "none") == 1


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ('[{"id": "keywords:rhyme"}]', "does not know the instruction 'keywords:rhyme'"),
        ('[{"id": "length_constraints:number_words", "kwargs": {"relation": "at least"}}]', "needs a whole number num_words"),
        ('[{"id": "length_constraints:number_words", "kwargs": {"num_words": 3, "relation": "más de"}}]', "knows the relation"),
        ("[]", "no checks"),
        ("", "no checks"),
        ("{", "not valid JSON"),
        ("[3]", "is not"),
    ],
)  # fmt: skip
def test_what_qtui_cannot_check_is_unscored_with_a_sentence(checks: str, said: str) -> None:
    found = ask("instructions", "an answer", checks=checks)
    assert found.score is None
    assert said in found.reason


def test_all_checks_or_the_share_of_them() -> None:
    checks = json.dumps([{"id": "punctuation:no_comma", "kwargs": None}, {"id": "detectable_format:title"}])
    assert ask("instructions", "no title here", checks=checks).score == 0
    half = ask("instructions", "no title here", checks=checks, level="instruction")
    assert half.score == 0.5
    assert half.reason == "met 1 of 2; not met: detectable_format:title"


def test_the_language_is_the_same_every_time() -> None:
    checks = json.dumps([{"id": "language:response_language", "kwargs": {"language": "nl"}}])
    found = {ask("instructions", "Ja, das is een test auto", checks=checks).score for _ in range(20)}
    assert len(found) == 1
