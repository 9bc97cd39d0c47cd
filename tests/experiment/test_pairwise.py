"""A judge that compares in an experiment's file: its keys, its prompt, its identity, and what is wrong with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.draft import Draft, to_toml
from qtui.experiment.experiment import parse
from qtui.judge_prompts import PAIRWISE_SLOTS, find_slots, own_pairwise_template
from qtui.judges import check_judge, fingerprint
from tests.experiment.test_judges import HEAD, judge

PAIR = "pairwise = true\n"


def test_it_is_another_judge_than_one_of_the_same_model_that_grades(tmp_path: Path) -> None:
    comparing, grading = judge(tmp_path, PAIR), judge(tmp_path, "")
    assert (comparing.label, grading.label) == ("openai:j pairwise", "openai:j")
    assert fingerprint(comparing) != fingerprint(grading)
    both = HEAD + PAIR + '[[judges]]\nkind = "openai"\nmodel = "j"\nbase_url = "http://127.0.0.1:1/v1"\n'
    assert [each.label for each in parse(both, tmp_path / "e.toml").judges] == ["openai:j pairwise", "openai:j"]


def test_margin_decides_no_preference(tmp_path: Path) -> None:
    found = judge(tmp_path, PAIR + "margin = 0.1")
    assert (found.margin, judge(tmp_path, PAIR).margin) == (0.1, 0.05)
    assert fingerprint(found) == fingerprint(judge(tmp_path, PAIR)) == fingerprint(replace(found, takes=3, batch=True))
    assert fingerprint(replace(found, system="x")) != fingerprint(found)


@pytest.mark.parametrize("name", ["compare-ja", "compare-en"])
def test_own_prompts_have_all_slots(tmp_path: Path, name: str) -> None:
    prompt = judge(tmp_path, f'{PAIR}prompt = "{name}"').prompt
    assert prompt == own_pairwise_template(name)
    assert find_slots(prompt, PAIRWISE_SLOTS) == set(PAIRWISE_SLOTS)


def test_placeholders_of_another_program_are_named_in_the_file(tmp_path: Path) -> None:
    keys = f'{PAIR}prompt = "p.txt"\n[judges.slots]\nanswer_a = "left"\nanswer_b = "right"\n'
    assert judge(tmp_path, keys, "{question}: {left} / {right}").prompt == "{input_text}: {answer_a} / {answer_b}"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (PAIR + "scale = [1, 10]", r"judges\[1\]\.scale: .*no scale"),
        ("margin = 0.1", r"judges\[1\]\.margin: .*pairwise = true"),
        (PAIR + "margin = 0.5", r"judges\[1\]\.margin"),
        (PAIR + 'prompt = "grade-en"', "compare-ja and compare-en"),
        ('prompt = "compare-en"', "pairwise = true"),
        (PAIR + 'prompt = "compare-fr"', "qtui's own are compare-ja and compare-en"),
        (PAIR + 'prompt = "p.txt"\n[judges.slots]\nanswer = "a"', r"slots\.answer: .*answer_a, answer_b"),
        ('prompt = "p.txt"\n[judges.slots]\nanswer_a = "a"', r"slots\.answer_a: "),
        ("pairwise = 1", "true or false"),
    ],
)
def test_what_does_not_go_together_is_said_with_its_line(keys: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"e\.toml:1\d: (?s:.*){said}"):
        judge(tmp_path, keys)


def test_reference_judge_compares_nothing(tmp_path: Path) -> None:
    text = HEAD.partition("[[judges]]")[0] + '[[judges]]\nkind = "reference"\npairwise = true\n'
    with pytest.raises(UserError, match=r"judges\[1\]\.pairwise: .*only an openai judge"):
        parse(text, tmp_path / "e.toml")


def test_template_without_a_second_answer_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    spec = replace(judge(tmp_path, PAIR), prompt="{input_text} {answer_a}")
    with pytest.raises(UserError, match="second answer"):
        check_judge(spec)


def test_draft_writes_what_the_dialog_says(tmp_path: Path) -> None:
    text = to_toml(Draft(model="m", weights="demo", judge="j@http://127.0.0.1:1/v1 pairwise"), tmp_path)
    [found] = parse(text, tmp_path / "e.toml").judges
    assert (found.model, found.base_url, found.pairwise) == ("j", "http://127.0.0.1:1/v1", True)
