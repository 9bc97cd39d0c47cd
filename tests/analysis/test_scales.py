"""A judge's scale in the figures: ten times the numbers, the same conclusions."""

import numpy as np
import pandas as pd
import pytest

from qtui.analysis import scores, verdict
from qtui.analysis.grades import by_variant, have_one_scale, histogram
from qtui.figures.scores import margin_on, pass_grade, stretch

TEN = (1, 10)
rng = np.random.default_rng(5)
B = rng.integers(1, 6, 60).astype(float)
C = np.clip(B + rng.integers(-2, 2, 60), 1, 5)


def on_ten(grades: np.ndarray) -> np.ndarray:
    return 1 + (grades - 1) * stretch(TEN)


def test_a_scale_that_is_stretched_gives_the_same_conclusions() -> None:
    five = scores.paired(B, C, margin=0.2)
    ten = scores.paired(on_ten(B), on_ten(C), margin=margin_on(0.2, TEN), scale=TEN)
    assert (ten.flips_down, ten.flips_up, ten.big_down, ten.big_up) == (
        five.flips_down,
        five.flips_up,
        five.big_down,
        five.big_up,
    )
    assert (ten.tasks_needed, ten.wins, ten.losses) == (five.tasks_needed, five.wins, five.losses)
    assert five.interval90 is not None
    assert ten.interval90 is not None
    assert ten.interval90 == pytest.approx([bound * 2.25 for bound in five.interval90])
    assert verdict.decide(ten.interval90, margin_on(0.2, TEN)) == verdict.decide(five.interval90, 0.2)


def test_the_middle_of_a_scale_and_the_margin_on_it() -> None:
    assert (pass_grade((1, 5)), pass_grade(TEN), pass_grade((0, 1))) == (3, 5.5, 0.5)
    assert [margin_on(0.2, scale) for scale in ((1, 5), TEN, (0, 100))] == pytest.approx([0.2, 0.45, 5])


def test_guards_know_the_ends_and_numbers_of_a_scale() -> None:
    assert verdict.end_of_scale_guard(np.full(20, 5.0), TEN) is None
    at_the_end = verdict.end_of_scale_guard(np.full(20, 10.0), TEN)
    assert at_the_end is not None
    assert at_the_end.kind == "ceiling"
    same = verdict.same_grade_guard(histogram(np.full((20, 1), 7.0), (0, 10)), 0)
    assert same is not None
    assert "20 of 20 grades are 7" in same.detail


def test_grades_on_two_scales_are_not_compared() -> None:
    frame = pd.DataFrame(
        {"experiment": 1, "model": "m", "variant": ["v", "w"], "task": 1, "sample": 0, "judge": "j", "take": 1, "grade": [3, 6],
         "lowest": 1, "highest": [5, 10]}
    )  # fmt: skip
    found = by_variant(frame)
    one, other = found[1, "m", "v"]["j"], found[1, "m", "w"]["j"]
    assert (one.scales, other.scales) == (((1, 5),), ((1, 10),))
    assert not have_one_scale(one, other)
    assert have_one_scale(one, one)
