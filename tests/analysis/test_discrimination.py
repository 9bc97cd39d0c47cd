"""A judge that gives nearly every answer one grade: no claim of no loss rests on it."""

import numpy as np
import pytest

from qtui.analysis import verdict
from qtui.analysis.tables import score_table
from qtui.figures.scores import ScoreRow
from tests.analysis.frames import two_variants

SAID = "this judge does not discriminate here"
N = 50
TEXTS = [f"答え{i}は長い。二十文字よりも長くしておきます。" for i in range(N)]


def row_of(baseline: list[float], candidate: list[float], texts: list[str] = TEXTS) -> ScoreRow:
    frames = two_variants(texts, texts, (baseline, candidate))
    [row] = score_table(frames.answers, frames.tasks, frames.grades, frames.conditions).pairs
    return row


def mostly(grade: float, other: float, others: int) -> list[float]:
    return [other] * others + [grade] * (N - others)


@pytest.mark.parametrize("grade", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_one_grade_for_all_answers_is_no_equivalence(grade: float) -> None:
    row = row_of([grade] * N, [grade] * N)
    assert (row.rule, row.verdict, row.claim_p) == ("equivalent", "guarded", None)
    assert f"no discrimination: 100 of 100 grades are {grade:.0f}; {SAID}" in row.guards
    assert SAID in row.verdict_text
    assert row.difference == 0


@pytest.mark.parametrize(("others", "is_guarded"), [(5, True), (6, False)])
def test_nine_of_ten_equal_grades_are_the_limit(others: int, is_guarded: bool) -> None:
    row = row_of(mostly(4, 3, others), mostly(4, 3, others))
    assert (SAID in row.verdict_text) == is_guarded
    assert row.verdict == ("guarded" if is_guarded else "equivalent")


def test_not_worse_is_guarded_too() -> None:
    row = row_of([4.0] * N, mostly(4, 5, 10))
    assert row.rule == "higher", "a gain is measured, so it stands"
    assert row.verdict == "higher"
    assert row_of(mostly(3, 1, 2), mostly(3, 5, 2)).verdict in ("guarded", "inconclusive", "higher")


def test_a_measured_loss_stands() -> None:
    row = row_of([5.0] * N, mostly(5, 1, 10))
    assert (row.rule, row.verdict, row.guards) == ("worse", "worse", ())


def test_sides_with_one_grade_each_are_told_apart() -> None:
    assert row_of([4.0] * N, [3.0] * N).verdict == "worse"


def test_empty_answers_do_not_hide_it() -> None:
    """They are graded 1 without asking the judge, which gives 4 to all that it is asked."""
    texts = ["", "", "", "", "", "", "", "", "", "", *TEXTS[10:]]
    row = row_of(mostly(4, 1, 10), mostly(4, 1, 10), texts)
    assert f"no discrimination: 80 of 80 grades are 4; {SAID}" in row.guards


def test_the_histogram_is_over_all_takes() -> None:
    assert verdict.same_grade_guard(np.array([0, 0, 0, 271, 29]).tolist()) is not None
    assert verdict.same_grade_guard([0, 0, 0, 269, 31]) is None
    assert verdict.same_grade_guard([0] * 5) is None
    assert verdict.same_grade_guard([]) is None
