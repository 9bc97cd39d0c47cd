"""Exact match, F1 over characters, ROUGE-L, chrF, BLEU, regular expressions and JSON schemas."""

import json

import pytest

from qtui.records import Expected, ScorerKind
from tests.scorers.ask import ask


@pytest.mark.parametrize(
    ("normalize", "answer", "reference", "score"),
    [
        ("none", "Tokyo ", "Tokyo", 0),
        ("whitespace", " New\nYork ", "New York", 1),
        ("whitespace", "tokyo", "Tokyo", 0),
        ("squad", "The Tokyo!", "tokyo", 1),
        ("nfkc", "「ＴＯＫＹＯ」。", "tokyo", 1),
        ("nfkc", "東 京", "東京", 1),
        ("nfkc", "1.5", "15", 0),
        ("nfkc", "-3", "3", 0),
        ("jglue", "富士山。", "富士山", 1),
        ("jglue", "NHK 。。", "nhk", 1),
        ("jglue", "「富士山」", "富士山", 0),
        ("jglue", "富士山。です", "富士山です", 0),
    ],
)
def test_exact_match_in_the_normalization_that_is_named(
    normalize: str, answer: str, reference: str, score: int
) -> None:
    assert ask("exact_match", answer, reference, normalize=normalize).score == score


@pytest.mark.parametrize("kind", ["exact_match", "f1_characters", "rouge_l", "chrf", "bleu"])
def test_the_best_of_several_references_counts_and_none_is_unscored(kind: ScorerKind) -> None:
    several = Expected(references=("大阪", "東京都の新宿区"))
    assert ask(kind, "東京都の新宿区", "名古屋", expected=several).score == pytest.approx(1)
    assert ask(kind, "東京").score is None


@pytest.mark.parametrize(
    ("answer", "f1"),
    [
        ("富士山", 1),
        ("富士山。", 1),
        ("「富士山」", 2 * (3 / 5) / (3 / 5 + 1)),
        ("富士 山", 2 * (3 / 4) / (3 / 4 + 1)),
        ("富士山です。", 2 * (3 / 5) / (3 / 5 + 1)),
        ("山", 2 * (1 / 3) / (1 + 1 / 3)),
        ("海", 0),
    ],
)
def test_f1_over_characters_of_jsquad_is_that_of_jglue(answer: str, f1: float) -> None:
    """Worked out by hand from JGLUE's changes to SQuAD's metric: lower case, no 。 at the end, white space counts."""
    assert ask("f1_characters", answer, "富士山", normalize="jglue").score == pytest.approx(f1)


def test_f1_over_characters_is_that_of_their_multisets() -> None:
    assert ask("f1_characters", "東京都", "東京").score == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert ask("f1_characters", "ああ", "あ").score == pytest.approx(2 / 3)
    assert ask("f1_characters", "abc", "東京").score == 0


def test_rouge_of_a_japanese_text_needs_a_tokenizer_that_knows_it() -> None:
    assert ask("rouge_l", "今日は雨", "今日は晴れ").score == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    unscored = ask("rouge_l", "今日は雨", "今日は晴れ", tokenizer="words")
    assert unscored.score is None
    assert "mixed" in unscored.reason


def test_regex_with_a_group_compares_what_it_captures_and_without_one_matches() -> None:
    assert ask("regex", "x: 3, y: 4", "4", pattern=r"\d").score == 1
    assert ask("regex", "x: 3, y: 4", "4", pattern=r"(\d)").score == 1
    assert ask("regex", "x: 3, y: 4", "4", pattern=r"(\d)", take="first").reason == "took 3, expected 4"
    assert ask("regex", "none", "4", pattern=r"(?P<answer>\d)").score == 0


SCHEMA = json.dumps({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ('{"a": 1}', 1),
        ('Here it is:\n```json\n{"a": 1}\n```', 1),
        ('{"a": "1"}', 0),
        ("{}", 0),
        ("no JSON", 0),
        ('{"a": NaN}', 0),
        ("[" * 100_000, 0),
        ("", 0),
    ],
)
def test_json_is_valid_or_not(answer: str, score: int) -> None:
    assert ask("json_schema", answer, checks=SCHEMA).score == score


@pytest.mark.parametrize(
    "schema", ["", "{", '{"type": "thing"}', '{"$ref": "http://127.0.0.1:9/schema.json"}', '{"$ref": "#/nowhere"}']
)
def test_a_schema_that_cannot_be_used_is_unscored_and_nothing_is_fetched(schema: str) -> None:
    assert ask("json_schema", '{"a": 1}', checks=schema).score is None


def test_the_task_schema_comes_before_that_of_the_scorer() -> None:
    assert ask("json_schema", "1", schema='{"type": "integer"}').score == 1
    assert ask("json_schema", "1", checks=SCHEMA, schema='{"type": "integer"}').score == 0
