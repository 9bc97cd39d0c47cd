"""Graders against each other: coefficients by hand and against the library, intervals, and who is not compared."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qtui.analysis.instrument.coefficients import Counts, alpha, coefficients, intervals, quadratic_kappa
from qtui.analysis.instrument.grader_pairs import Run, grader_pairs, notes
from qtui.figures.agreement import GraderPair
from tests.analysis.frames import grade_rows

FIVE = (1, 5)


def run_of(*graders: str, begins: dict[int, int] | None = None, **scales: tuple[int, int]) -> Run:
    return Run(1, "e", dict.fromkeys(graders, FIVE) | scales, begins or {})


def graded(**takes_of: Any) -> pd.DataFrame:
    """Grades of one variant: grader → its takes, each a list of grades."""
    rows = [
        grade_rows("FP16", given, judge=judge, take=take)
        for judge, takes in takes_of.items()
        for take, given in enumerate(takes, start=1)
    ]
    return pd.concat(rows, ignore_index=True)


def only(pairs: list[GraderPair]) -> GraderPair:
    [pair] = pairs
    return pair


def random_grades(seed: int, answers: int, graders: int) -> Any:
    rng = np.random.default_rng(seed)
    true = rng.normal(3, 1.2, (answers, 1))
    return np.clip(np.rint(true + rng.normal(0, 0.8, (answers, graders))), 1, 5)


def counts_of(a: Any, b: Any, units: Any) -> Counts:
    values = np.unique(np.concatenate([a, b]))
    tables = np.zeros((int(units.max()) + 1, values.size, values.size))
    np.add.at(tables, (units, np.searchsorted(values, a), np.searchsorted(values, b)), 1)
    return Counts(values, tables, tables + tables.transpose(0, 2, 1))


def test_two_graders_by_hand() -> None:
    pair = only(grader_pairs(graded(a=[[1, 2, 3, 3]], b=[[1, 3, 3, 5]]), run_of("a", "b")))
    assert (pair.a, pair.b, pair.answers, pair.tasks, pair.grades) == ("a", "b", 4, 4, (1, 2, 3, 5))
    assert (pair.exact.value, pair.within_one.value, pair.mean_difference.value) == (0.5, 0.75, 0.75)
    assert pair.confusion == ((1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1, 1), (0, 0, 0, 0))
    # observed 0 + 1 + 0 + 4; expected over all 16 pairs 4·4·mean: Σ (a − b)² = 52, a quarter of it
    assert pair.kappa.value == pytest.approx(1 - 5 / (52 / 4))
    [first, second] = pair.parted
    assert [(p.task, p.distance, p.grade_a, p.grade_b) for p in (first, second)] == [(4, 2, 3, 5), (2, 1, 2, 3)]


def test_every_take_is_held_against_every_take_and_a_judge_against_itself() -> None:
    itself, with_b = grader_pairs(graded(a=[[1, 4], [2, 4]], b=[[1, 4]]), run_of("a", "b"))
    assert (itself.is_retest, itself.takes_a, itself.exact.value, itself.parted[0].task) == (True, 2, 0.5, 1)
    assert (itself.parted[0].grade_a, itself.parted[0].grade_b) == (1, 2)
    assert (with_b.takes_a, with_b.takes_b, with_b.exact.value) == (2, 1, 0.75)


def test_answers_that_one_of_them_did_not_grade_are_left_out() -> None:
    pair = only(grader_pairs(graded(a=[[1, math.nan, 3]], human=[[2, 3, math.nan]]), run_of("a", "human")))
    assert (pair.answers, pair.exact.value, pair.within_one.value) == (1, 0, 1)
    assert grader_pairs(graded(a=[[1, math.nan]], human=[[math.nan, 1]]), run_of("a", "human")) == []


def test_graders_with_other_scales_are_not_compared_and_that_is_said() -> None:
    run = Run(1, "e", {"a": FIVE, "b": (1, 10)}, {})
    assert grader_pairs(graded(a=[[1, 2]], b=[[1, 9]]), run) == []
    assert notes(("a", "b"), run.scales) == ("a (1–5) and b (1–10) are not compared, because their scales differ",)


def test_equal_grades_agree_and_have_no_coefficient() -> None:
    pair = only(grader_pairs(graded(a=[[3] * 5], b=[[3] * 5]), run_of("a", "b")))
    assert (pair.exact.value, pair.kappa.value, pair.alpha.value, pair.kappa.interval95) == (1, None, None, None)
    assert pair.parted == ()


def test_the_turns_of_a_conversation_are_one_unit() -> None:
    given = graded(a=[[1, 2, 3, 4]], b=[[1, 2, 4, 4]])
    assert only(grader_pairs(given, run_of("a", "b", begins={2: 1, 4: 3}))).tasks == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_coefficients_of_a_table_are_those_of_the_library(seed: int) -> None:
    grades = random_grades(seed, 80, 2)
    counts = counts_of(grades[:, 0], grades[:, 1], np.arange(80))
    found = coefficients(counts.values, counts.tables.sum(axis=0)[None], counts.coincidences.sum(axis=0)[None])
    assert found.kappa[0] == pytest.approx(quadratic_kappa(grades[:, 0], grades[:, 1]))
    assert found.alpha[0] == pytest.approx(alpha(grades, "ordinal"))


def test_alpha_over_takes_of_one_judge_some_missing_is_that_of_the_library() -> None:
    grades = random_grades(4, 60, 3)
    grades[::7, 1] = math.nan
    pair = only(grader_pairs(graded(a=grades.T.tolist()), run_of("a")))
    assert pair.alpha.value == pytest.approx(alpha(grades, "ordinal"))
    low, high = pair.alpha.interval95 or (0, 0)
    assert low < (pair.alpha.value or 0) < high


def test_the_bootstrap_draws_tasks_and_computes_what_the_library_computes_for_each_draw() -> None:
    grades, units = random_grades(5, 60, 2), np.repeat(np.arange(20), 3)
    found = intervals(counts_of(grades[:, 0], grades[:, 1], units))
    rng = np.random.default_rng(9)
    drawn = [np.concatenate([np.flatnonzero(units == u) for u in rng.integers(0, 20, 20)]) for _ in range(150)]
    kappas = [quadratic_kappa(*grades[rows].T) or 0 for rows in drawn]
    alphas = [alpha(grades[rows], "ordinal") or 0 for rows in drawn]
    for name, library in (("kappa", kappas), ("alpha", alphas)):
        assert found[name] == pytest.approx(tuple(np.percentile(library, [2.5, 97.5])), abs=0.05)


def test_the_intervals_of_kappa_and_alpha_cover_90_to_98_percent() -> None:
    every = random_grades(6, 20_000, 2)
    true_kappa = quadratic_kappa(every[:, 0], every[:, 1]) or 0
    true_alpha = alpha(every, "ordinal") or 0
    rng = np.random.default_rng(7)
    hits = []
    for _ in range(60):
        grades = every[rng.integers(0, len(every), 100)]
        found = intervals(counts_of(grades[:, 0], grades[:, 1], np.arange(100)))
        bounds = [(true_kappa, found["kappa"]), (true_alpha, found["alpha"])]
        hits.append([low <= true <= high for true, (low, high) in ((t, b or (0, 0)) for t, b in bounds)])
    assert all(0.88 <= covered <= 0.99 for covered in np.mean(hits, axis=0))


def test_two_tasks_have_no_interval() -> None:
    pair = only(grader_pairs(graded(a=[[1, 2]], b=[[2, 2]]), run_of("a", "b")))
    assert pair.exact.interval95 is None
