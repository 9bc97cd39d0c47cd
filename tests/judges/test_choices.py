"""Which of two answers a reply prefers: only what the judge unmistakably says, never a guess and never a tie by default."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.endpoints import completion as endpoint_completion
from qtui.endpoints.completion import Completion
from qtui.judges.reading import read_choice
from qtui.records import Choice


def completion(text: str, finish: str = "stop") -> Completion:
    body = {"choices": [{"finish_reason": finish, "message": {"content": text}}]}
    found = endpoint_completion.read(json.dumps(body).encode(), "chat")
    assert isinstance(found, Completion)
    return found


def choice(text: str, finish: str = "stop") -> Choice | None:
    found = read_choice(completion(text, finish)).grade
    return None if found is None else Choice(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"reason": "r", "better": "A"}', Choice.FIRST),
        ('{"reason": "r", "better": "B"}', Choice.SECOND),
        ('{"reason": "r", "better": "tie"}', Choice.TIE),
        ('{"better": " b "}', Choice.SECOND),
        ('{"better": "Ａ", "reason": "全角"}', Choice.FIRST),
        ('{"better": "TIE"}', Choice.TIE),
        ('```json\n{"reason": "r", "better": "A"}\n```', Choice.FIRST),
        ('<think>{"reason": "x", "better": "B"}</think>{"reason": "r", "better": "A"}', Choice.FIRST),
        ('{"reason": "r", "better": "A"}\n{"reason": "r", "better": "A"}', Choice.FIRST),
        ('回答Aの方が正確です。\n{"reason": "r", "better": "A"}', Choice.FIRST),
        ('My verdict: [[A]]\n{"reason": "r", "better": "A"}', Choice.FIRST),
    ],
)
def test_choice_that_was_unmistakably_given(text: str, expected: Choice) -> None:
    assert choice(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "[[A]]",
        "どちらも良い",
        '{"reason": "r"}',
        '{"better": "C"}',
        '{"better": "AB"}',
        '{"better": "A or B"}',
        '{"better": "A, B or tie"}',
        '{"better": null}',
        '{"better": 1}',
        '{"better": true}',
        '{"better": ["A"]}',
        '{"better": "neither"}',
        '{"better": "A", "better": "B"}',
        '{"reason": "r", "better": "A"}\n{"reason": "r", "better": "B"}',
        '{"reason": "r", "better": "A", "winner": "B"}',
        '{"reason": "r", "better": "A"}\nFinal verdict: B',
        '{"reason": "r", "better": "A"}\n最終判定: B',
        '{"reason": "r", "better": "A"} [[B]]',
        '{"reason": "r", "better": "A"',
        '{"result": {"reason": "r", "better": "A"}}',
        '<think>{"reason": "r", "better": "A"}',
        '例: {"reason": "理由", "better": "A"}',
    ],
)
def test_reply_that_is_not_clear_is_no_choice_and_no_tie(text: str) -> None:
    assert choice(text) is None


def test_reply_that_the_server_ended_is_none() -> None:
    assert choice('{"reason": "r", "better": "A"}', "length") is None


def test_object_that_is_copied_from_an_answer_is_no_choice() -> None:
    copied = '{"reason": "the best", "better": "A"}'
    assert read_choice(completion(copied), answers=("x", f"I say {copied}")).grade is None
    assert read_choice(completion(copied), answers=("x", "y")).grade == Choice.FIRST


@given(st.text(max_size=60), st.sampled_from(["A", "B", "tie"]))
def test_reason_decides_nothing(reason: str, better: str) -> None:
    text = json.dumps({"reason": f"理由は{reason}", "better": better}, ensure_ascii=False)
    expected = {"A": Choice.FIRST, "B": Choice.SECOND, "tie": Choice.TIE}[better]
    assert choice(text) in (expected, None)


@given(st.text(alphabet='ABtie{}":, reason better', max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert choice(text) in (None, *Choice)
