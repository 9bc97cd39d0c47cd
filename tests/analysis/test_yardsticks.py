"""Control arm and noise floor beside a candidate: what their rows say, and what a candidate is held against."""

import json

import pandas as pd
import pytest

from qtui.analysis.over_models import over_models
from qtui.analysis.score_table import score_table
from qtui.analysis.tables import length_table
from qtui.figures.scores import ScoreRow
from tests.analysis.frames import Frames, answer_rows, condition_rows, grade_rows, json_of, task_rows

N = 20
BASE = [f"答え{number}です。" for number in range(N)]


def changed(count: int) -> list[str]:
    return [f"別の答え{number}。" if number < count else f" {text}\n" for number, text in enumerate(BASE)]


def sampling(seed: int) -> str:
    return json.dumps({"max_tokens": 128, "temperature": 0.7, "seed": seed})


@pytest.fixture(scope="module")
def frames() -> Frames:
    """A candidate with 9 other answers, a control arm with none, a noise floor with 3 and another seed."""
    variants = (("FP16", 0, "baseline"), ("Q4", 9, "candidate"), ("F16", 0, "control arm"), ("again", 3, "noise floor"))
    answers = [
        answer_rows(name, BASE if role == "baseline" else changed(count), position=at, baseline=not at, role=role)
        for at, (name, count, role) in enumerate(variants)
    ]
    grades = [grade_rows(name, [2] * 5 + [4] * (N - 5 - count) + [3] * count) for name, count, _ in variants]
    conditions = condition_rows(
        FP16={"sampling": sampling(1), "engine": "transformers"},
        Q4={"sampling": sampling(1)},
        F16={"sampling": sampling(1)},
        again={"sampling": sampling(1_000_001), "engine": "transformers"},
    )
    return Frames(pd.concat(answers, ignore_index=True), task_rows(N), pd.concat(grades), conditions)


@pytest.fixture(scope="module")
def rows(frames: Frames) -> dict[str, ScoreRow]:
    table = score_table(frames.answers, frames.tasks, frames.grades, frames.conditions)
    return {row.candidate: row for row in table.pairs}


def test_answers_that_differ_are_counted_without_blanks_at_their_ends(rows: dict[str, ScoreRow]) -> None:
    assert {name: row.differing for name, row in rows.items()} == {"Q4": 9, "F16": 0, "again": 3}


def test_a_candidate_is_held_against_the_control_arm_and_the_noise_floor(rows: dict[str, ScoreRow]) -> None:
    assert json_of(rows["Q4"])["beside"] == [
        "answers that differ from the baseline's: Q4 9 of 20, control arm 0 of 20, noise floor 3 of 20",
        "difference in grades: Q4 −0.45, control arm 0.00, noise floor −0.15",
    ]


def test_a_control_arm_is_held_against_the_noise_floor_and_that_against_nothing(rows: dict[str, ScoreRow]) -> None:
    assert [each.role for each in rows["F16"].yardsticks] == ["noise floor"]
    assert json_of(rows["F16"])["beside"][0].startswith("answers that differ from the baseline's: control arm 0 of 20,")
    assert json_of(rows["again"])["beside"] == []


def test_the_verdict_of_each_says_what_it_is_about(rows: dict[str, ScoreRow]) -> None:
    assert rows["F16"].verdict_text.startswith("control arm (effect of the engine): equivalent within ±0.2")
    assert rows["again"].verdict_text.startswith("noise floor (effect of chance): ")
    assert rows["Q4"].verdict_text.startswith("worse by more than 0.2")


def test_the_seed_of_a_noise_floor_is_named_and_no_guard(rows: dict[str, ScoreRow]) -> None:
    assert rows["again"].guards == ()
    assert rows["again"].notes == ("different seeds: 1 vs 1000001",)


def test_without_grades_the_answers_are_compared_all_the_same(frames: Frames) -> None:
    table = score_table(frames.answers, frames.tasks, frames.grades[:0], frames.conditions)
    row = next(row for row in table.pairs if row.candidate == "Q4")
    assert json_of(row)["beside"] == [
        "answers that differ from the baseline's: Q4 9 of 20, control arm 0 of 20, noise floor 3 of 20"
    ]


def test_without_yardsticks_nothing_is_said(frames: Frames) -> None:
    answers = frames.answers[frames.answers["role"].isin(("baseline", "candidate"))].reset_index(drop=True)
    [row] = score_table(answers, frames.tasks, frames.grades, frames.conditions).pairs
    assert (row.yardsticks, json_of(row)["beside"]) == ((), [])


def test_a_model_is_never_one_point_more_for_its_control_arm(frames: Frames) -> None:
    order = {"FP16": 0, "F16": 1, "again": 2, "Q4": 3}
    answers = frames.answers.assign(position=frames.answers["variant"].map(order))
    lengths = length_table(answers, frames.tasks)
    assert (lengths.pairs[0].candidate, lengths.pairs[0].role) == ("F16", "control arm")
    assert [point.candidate for point in over_models(lengths).points] == ["Q4"]
