"""Templates of other programs become qtui's form, or a sentence says what is missing."""

import pytest

from qtui.errors import UserError
from qtui.judge_prompts import OWN_PROMPTS, find_slots, own_template, read_template
from qtui.records import FIVE_POINTS, Scale

OWN = '{input_text} {output_text} {eval_aspect} {pred}\n{"reason": "x", "grade": 3}'


@pytest.mark.parametrize(
    ("template", "read"),
    [
        (OWN, OWN),
        ("{question}/{answer}", "{input_text}/{pred}"),
        ("[Question]\n{question}\n{ref_answer_1}\n[Answer]\n{answer}", "[Question]\n{input_text}\n{output_text}\n[Answer]\n{pred}"),
        ("{instruction} {response}", "{input_text} {pred}"),
        ("{{ question }} {{answer}} {other} {}", "{input_text} {pred} {other} {}"),
        ("{{ item.question }} {{ item.reference }} {{ sample.output_text }}", "{input_text} {output_text} {pred}"),
        ("${question} ${answer}", "{input_text} {pred}"),
        ('{question} {answer} {{"rating": 5}}', '{input_text} {pred} {"rating": 5}'),
        ("{question} {answer} \\boxed{answer} \\frac{a}{b}", "{input_text} {pred} \\boxed{answer} \\frac{a}{b}"),
        ("{課題} {回答} {scale}", "{input_text} {pred} {scale}"),
        ("Write {} if {answer} is empty", "Write {} if {pred} is empty"),
    ],
)  # fmt: skip
def test_known_names_become_slots_and_other_braces_stay(template: str, read: str) -> None:
    assert read_template(template) == read


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("no slot", r"has no \{pred\}"),
        ("Say [ANSWER]", r"it has \[ANSWER\]"),
        ("{question}\n{foo} {answer}", r"line 2: \{foo\} is no placeholder that qtui knows.*question = \"foo\""),
        ("{0}", r'\{0\} is no placeholder .*answer = "0"'),
        ("{answer_a} {answer_b}", "answer_a.*\n.*answer_b"),
        ("{answer} {response}", r"\{answer\} and \{response\} would both be the answer"),
        ("{question} {{ answer }}", "single and in double braces"),
        ("{% if reference %}{{ reference }}{% endif %}{{ answer }}", "program of Jinja"),
    ],
)
def test_what_is_not_known_is_asked_and_never_guessed(template: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_template(template)


@pytest.mark.parametrize(
    ("template", "slots", "read"),
    [
        ("{0} {1}", {"question": "0", "answer": "1"}, "{input_text} {pred}"),
        ("{answer} {response}", {"answer": "response", "reference": "answer"}, "{output_text} {pred}"),
        ("{pred} {other}", {"text": ["other"]}, "{pred} {other}"),
        ("Say [ANSWER] to <<q>>", {"answer": "[ANSWER]", "question": "<<q>>"}, "Say {pred} to {input_text}"),
        ("{{ row.a }}", {"answer": "row.a"}, "{pred}"),
    ],
)
def test_the_experiment_says_what_placeholders_stand_for(template: str, slots: dict[str, str], read: str) -> None:
    assert read_template(template, slots) == read


def test_a_named_placeholder_that_is_not_there_is_a_problem() -> None:
    with pytest.raises(UserError, match='answer = "reply", but the template has no such placeholder'):
        read_template("{pred}", {"answer": "reply"})


@pytest.mark.parametrize("name", OWN_PROMPTS)
@pytest.mark.parametrize("scale", [FIVE_POINTS, Scale(1, 10)])
def test_our_own_prompts_put_what_is_common_first_and_the_answer_last(name: str, scale: Scale) -> None:
    text = own_template(scale, name)
    assert read_template(text) == text
    assert find_slots(text) >= {"question", "reference", "criteria", "answer"}
    assert ("scale" in find_slots(text)) == (scale != FIVE_POINTS)
    places = [text.index(slot) for slot in ("{input_text}", "{output_text}", "{eval_aspect}", "{pred}")]
    assert places == sorted(places)
    assert places[0] > len(text) / 3, "endpoints cache what all requests begin with"


@pytest.mark.parametrize(
    ("template", "read"),
    [
        ("{question} {answer_a} {answer_b}", "{input_text} {answer_a} {answer_b}"),
        ("{instruction} {output_1} {output_2}", "{input_text} {answer_a} {answer_b}"),
        ("{{instruction}} {{ output_1 }} {{output_2}}", "{input_text} {answer_a} {answer_b}"),
        ("{QUESTION} {ANSWER_A} {ANSWER_B}", "{input_text} {answer_a} {answer_b}"),
        ("{instruction} {response_A} {response_B} {rubric}", "{input_text} {answer_a} {answer_b} {eval_aspect}"),
        ("{input} {prediction} {prediction_b} {reference}", "{input_text} {answer_a} {answer_b} {output_text}"),
        ("{課題} {回答A} {回答B}", "{input_text} {answer_a} {answer_b}"),
        ('{answer_a} {answer_b} {{"better": "A"}}', '{answer_a} {answer_b} {"better": "A"}'),
    ],
)
def test_prompts_that_show_two_answers_have_their_own_slots(template: str, read: str) -> None:
    assert read_template(template, is_pairwise=True) == read


@pytest.mark.parametrize(
    ("template", "is_pairwise", "said"),
    [
        ("{question} {answer}", True, r"\{answer\} is the slot for a single answer"),
        ("{answer_a} {answer_b} {scale}", True, r"\{scale\} is for grades"),
        ("{question} {answer_a}", True, r"has no \{answer_b\}, the slot for the second answer"),
        ("{question}", True, r"has no \{answer_a\}(?s:.*)has no \{answer_b\}"),
        ("{answer_a} {output_1} {answer_b}", True, "would both be the answer_a"),
        ("{question} {answer_a} {answer_b} {foo}", True, r"\{foo\} is no placeholder"),
        ("{question} {answer} {answer_b}", False, "pairwise = true"),
    ],
)
def test_prompt_of_the_other_kind_is_told(template: str, is_pairwise: bool, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_template(template, is_pairwise=is_pairwise)
