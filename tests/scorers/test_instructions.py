"""Instructions beyond IFEval's own answers: Japanese ones, sentences, and what is unscored."""

import json
from typing import Any

import pytest

from tests.scorers.ask import ask


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
