"""The judges of an experiment's file: scales, prompts by name and file, and what is wrong with them."""

from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import load, parse
from qtui.judge_prompts import own_template
from qtui.judges import fingerprint
from qtui.records import FIVE_POINTS, JudgeSpec, Scale, TaskSet

HEAD = """name = "e"
tasks = "demo"
[[models]]
name = "m"
[[models.variants]]
name = "v"
engine = "transformers"
weights = "demo"
[[judges]]
kind = "openai"
model = "j"
base_url = "http://127.0.0.1:1/v1"
"""


def judge(folder: Path, keys: str, prompt: str = "") -> JudgeSpec:
    (folder / "p.txt").write_text(prompt, encoding="utf-8")
    (folder / "e.toml").write_text(HEAD + keys, encoding="utf-8")
    return load(folder / "e.toml").judges[0]


@pytest.mark.parametrize(
    ("keys", "scale"),
    [
        ("", FIVE_POINTS),
        ("scale = [1, 10]", Scale(1, 10)),
        ('scale = { 1 = "wrong", 2 = "partly right", 3 = "right" }', Scale(1, 3, ("wrong", "partly right", "right"))),
        ('scale = { 1 = "right", 0 = "wrong" }', Scale(0, 1, ("wrong", "right"))),
    ],
)
def test_a_scale_is_two_numbers_or_a_table_of_labels(keys: str, scale: Scale, tmp_path: Path) -> None:
    assert judge(tmp_path, keys).scale == scale


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("scale = [10, 1]", "must be the lower one"),
        ("scale = [1, 1000]", "at most 101"),
        ("scale = [1, 2, 3]", "should be two whole numbers"),
        ('scale = { 1 = "a", 3 = "c" }', "leaves out 2"),
        ('scale = { a = "a", b = "c" }', "whole numbers as keys"),
        ('scale = { 1 = "a", 2 = "" }', "label of 2"),
        ('reasoning_effort = "hihg"', '"high"'),
        ("temperature = true", "a number from 0 to 2, or false"),
        ('prompt = "grade-fr"', "qtui's own are grade-ja and grade-en"),
        ('prompt = "grade-en"\n[judges.slots]\nanswer = "a"', "prompt names no file"),
        ('prompt = "p.txt"\n[judges.slots]\nanswr = "a"', "did you mean answer"),
    ],
)
def test_what_is_wrong_with_a_judge_is_said(keys: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"e\.toml:1\d: judges\[1\].*" + said):
        judge(tmp_path, keys)


def test_prompts_are_chosen_by_name_and_follow_the_scale(tmp_path: Path) -> None:
    assert judge(tmp_path, 'prompt = "grade-en"').prompt == own_template(FIVE_POINTS, "grade-en")
    ten = judge(tmp_path, 'prompt = "grade-en"\nscale = [1, 10]')
    assert ten.prompt == own_template(Scale(1, 10), "grade-en")


def test_a_file_with_other_placeholders_is_read_and_an_unknown_one_is_named_with_its_line(tmp_path: Path) -> None:
    assert judge(tmp_path, 'prompt = "p.txt"', "{question} {answer}").prompt == "{input_text} {pred}"
    keys = 'prompt = "p.txt"\n[judges.slots]\nanswer = "out"\ntext = ["name"]'
    assert judge(tmp_path, keys, "{name} {out}").prompt == "{name} {pred}"
    with pytest.raises(UserError, match=r"judges\[1\]\.prompt: .*p\.txt: line 2: \{out\}"):
        judge(tmp_path, 'prompt = "p.txt"', "{question}\n{out}")


def test_a_temperature_of_false_is_none(tmp_path: Path) -> None:
    assert judge(tmp_path, "temperature = false").temperature is None
    for zero in ("0", "0.0"):
        assert judge(tmp_path, f"temperature = {zero}").temperature == 0, "it is not false"
    assert fingerprint(judge(tmp_path, "temperature = 0")) == fingerprint(judge(tmp_path, ""))


def test_a_run_of_an_older_qtui_with_a_temperature_in_quotes_is_still_read(tmp_path: Path) -> None:
    text = HEAD + 'temperature = "0.5"'
    assert parse(text, tmp_path / "e.toml", stored_tasks=TaskSet("t", ())).judges[0].temperature == 0.5
    with pytest.raises(UserError, match="should be a number or false"):
        parse(text, tmp_path / "e.toml")
