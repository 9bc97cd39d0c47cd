"""What was asked for and did not happen is a sentence, and nothing is said of what did."""

import pytest

from qtui.thinking.following import what_happened


@pytest.mark.parametrize(
    ("conditions", "thought", "said"),
    [
        ('{"thinking": false}', 3, "thinking = false, but the model thought in 3 of 20 answers"),
        ('{"template_args": {"enable_thinking": false}}', 20, "enable_thinking = false, but the model thought in 20 of 20"),
        ('{"template_args": {"reasoning_effort": "none"}}', 1, 'reasoning_effort = "none", but the model thought in 1 of 20'),
        ('{"template_args": {"thinking_budget": 0}}', 1, "thinking_budget = 0, but the model thought in 1 of 20"),
        ('{"thinking": true}', 0, "thinking = true, but none of 20 answers has thoughts"),
        ('{"thinking": "high"}', 0, 'thinking = "high", but none of 20 answers has thoughts'),
        ('{"template_args": {"thinking": true}}', 0, "thinking = true, but none of 20 answers has thoughts"),
        ('{"budget": 64}', 0, "thinking_budget = 64, but none of 20 answers has thoughts"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_setting_is_said(conditions: str, thought: int, said: str) -> None:
    assert what_happened(conditions, thought, 20, is_endpoint=False).startswith(said)


@pytest.mark.parametrize(
    ("conditions", "thought"),
    [
        ("", 0), ("", 20), ('{"thinking": false}', 0), ('{"thinking": true}', 1), ('{"thinking": "low"}', 20),
        ('{"template_args": {"colour": "red"}}', 0), ('{"template_args": {"thinking": "perhaps"}}', 0),
        ('{"thinking": true, "template_args": {"enable_thinking": false}}', 3),
    ],
)  # fmt: skip
def test_nothing_is_said_where_thoughts_fit_the_setting_or_none_is_set(conditions: str, thought: int) -> None:
    assert what_happened(conditions, thought, 20, is_endpoint=False) == ""


def test_without_an_answer_nothing_is_known() -> None:
    assert what_happened('{"thinking": true}', 0, 0, is_endpoint=False) == ""


def test_thoughts_that_are_not_seen_have_other_causes_at_an_endpoint() -> None:
    said = [what_happened('{"thinking": true}', 0, 1, is_endpoint=each) for each in (False, True)]
    assert "thinking_tags" in said[0]
    assert "the endpoint hides them" in said[1]
