"""Differences, verdicts, flips and recovery of scores: reference values, the family of tests, and coverage by simulation."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qtui.analysis.flags import flag_answers
from qtui.analysis.scorers import paired_proportions
from qtui.analysis.scorers.paired_proportions import PairedCounts
from qtui.analysis.scorers.recovery import fieller, recovery
from qtui.analysis.scorers.table import ScorerOfRun, scorer_table
from qtui.figures.scorers import ScorerRow, ScorerTable
from tests.analysis.frames import answer_rows, task_rows


def test_the_interval_ends_where_the_statistic_is_at_its_quantile() -> None:
    low, high = paired_proportions.difference_interval(PairedCounts(23, 9, 3, 9), 0.95) or (0, 0)
    assert paired_proportions.score_statistic(PairedCounts(23, 9, 3, 9), low) == pytest.approx(1.959964, abs=1e-4)
    assert paired_proportions.score_statistic(PairedCounts(23, 9, 3, 9), high) == pytest.approx(-1.959964, abs=1e-4)
    assert low < (3 - 9) / 44 < high


def test_without_any_change_the_interval_is_not_a_point() -> None:
    """Tango's interval has the closed form ±z² / (n + z²) there."""
    z2 = 1.6448536**2
    low, high = paired_proportions.difference_interval(PairedCounts(30, 0, 0, 20), 0.90) or (0, 0)
    assert (low, high) == pytest.approx((-z2 / (50 + z2), z2 / (50 + z2)), abs=1e-6)
    needed = paired_proportions.tasks_needed_unchanged(0.90, 0.05)
    inside = paired_proportions.difference_interval(PairedCounts(needed, 0, 0, 0), 0.90) or (0, 1)
    outside = paired_proportions.difference_interval(PairedCounts(needed - 2, 0, 0, 0), 0.90) or (0, 0)
    assert inside[1] < 0.05 < outside[1]


def test_the_statistic_at_zero_is_that_of_mcnemar() -> None:
    assert paired_proportions.score_statistic(PairedCounts(10, 3, 9, 5), 0.0) == pytest.approx((9 - 3) / np.sqrt(12))


def test_everything_gained_or_lost_ends_at_one() -> None:
    assert (paired_proportions.difference_interval(PairedCounts(0, 0, 20, 0), 0.90) or (0, 0))[1] == 1
    assert (paired_proportions.difference_interval(PairedCounts(0, 20, 0, 0), 0.90) or (0, 0))[0] == -1


def draw(rng: np.random.Generator, n: int, *, both: float, lost: float, gained: float) -> PairedCounts:
    return PairedCounts(*map(int, rng.multinomial(n, [both, lost, gained, 1 - both - lost - gained])))


@pytest.mark.parametrize("n", [30, 200])
def test_intervals_of_accuracies_and_of_their_recovery_cover_the_truth(n: int) -> None:
    """800 simulated runs: 90 % intervals hold the true value in about 90 of 100, within three standard errors."""
    rng = np.random.default_rng(1)
    drawn = [draw(rng, n, both=0.6, lost=0.08, gained=0.04) for _ in range(800)]
    differences = [paired_proportions.difference_interval(counts, 0.90) or (0, 0) for counts in drawn]
    ratios = [paired_proportions.ratio_interval(counts, 0.90) or (0, 0) for counts in drawn]
    assert 0.868 <= np.mean([low <= -0.04 <= high for low, high in differences]) <= 0.96
    assert 0.868 <= np.mean([low <= 0.64 / 0.68 <= high for low, high in ratios]) <= 0.97


def test_recovery_of_other_scores_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(800):
        b = rng.beta(4, 2, 60)
        c = np.clip(0.95 * b + rng.normal(0, 0.05, 60), None, None)
        low, high = fieller(b, c, 0.90) or (0, 0)
        held += low <= 0.95 <= high
    assert 0.868 <= held / 800 <= 0.932


def test_recovery_without_a_baseline_or_without_a_change_has_no_interval_and_says_why() -> None:
    assert recovery([0, 0], [0, 1], None).value is None
    unchanged = recovery([0.2, 0.5], [0.2, 0.5], None)
    assert (unchanged.value, unchanged.interval90) == (1, None)
    assert "no score changed" in unchanged.method
    assert fieller(np.array([-1.0, 1.0, 0.1]), np.array([0.5, 0.5, 0.5]), 0.90) is None


BASELINE = [1.0] * 30 + [0.0] * 10


def table(candidates: dict[str, list[float]], **changes: Any) -> ScorerTable:
    """The table of a baseline with 30 of 40 right, 20 tasks each in two task sets."""
    names = ["FP16", *candidates]
    frames = [
        answer_rows(name, ["x"] * 40).assign(is_baseline=name == "FP16", position=i) for i, name in enumerate(names)
    ]
    answers = pd.concat(frames, ignore_index=True)
    tasks = task_rows(40).assign(subset=["first"] * 20 + ["second"] * 20, category="")
    values = {"FP16": BASELINE, **candidates}
    found = answers[["experiment", "model", "variant", "task", "sample"]].assign(
        scorer="s", score=[value for name in names for value in values[name]], reason=""
    )
    scorers = [replace(ScorerOfRun(answers["experiment"].iloc[0], "s", "regex", 0.05), **changes)]
    conditions = pd.DataFrame(columns=["experiment", "model", "variant"])
    return scorer_table(answers, tasks, found, conditions, scorers, flags=flag_answers(answers, tasks))


def whole(found: ScorerTable, candidate: str) -> ScorerRow:
    return next(row for row in found.rows if row.candidate == candidate and row.group_kind == "all")


def test_flips_are_beside_the_accuracy() -> None:
    row = whole(table({"Q4": [0.0] * 6 + [1.0] * 24 + [1.0] * 2 + [0.0] * 8}), "Q4")
    assert (row.right_to_wrong, row.wrong_to_right, row.is_binary) == (6, 2, True)
    assert (row.baseline_mean, row.candidate_mean, row.difference) == pytest.approx((0.75, 0.65, -0.1))
    assert row.mcnemar_p == pytest.approx(0.2890625), "binomial test of 2 in 8"
    assert row.recovery == pytest.approx(0.65 / 0.75)


def test_the_verdict_is_against_the_scorers_own_margin() -> None:
    same = {"Q4": BASELINE}
    assert whole(table(same, margin=0.05), "Q4").verdict == "inconclusive", (
        "40 tasks without a change still allow 6 points"
    )
    assert whole(table(same, margin=0.1), "Q4").verdict == "equivalent"
    assert whole(table({"Q4": [0.0] * 20 + BASELINE[20:]}), "Q4").verdict == "worse"


def test_rows_by_task_set_follow_and_their_family_is_their_own() -> None:
    found = table({"Q4": [0.0] * 20 + BASELINE[20:], "Q2": [0.0] * 40})
    groups = [(row.candidate, row.group_kind, row.group, row.n) for row in found.rows]
    assert groups[:3] == [("Q4", "all", "", 40), ("Q4", "task set", "first", 20), ("Q4", "task set", "second", 20)]
    assert {(row.group_kind, row.comparisons) for row in found.rows} == {("all", 2), ("task set", 4)}
    assert all(row.claim_p is None or row.claim_p_holm >= row.claim_p for row in found.rows)  # type: ignore[operator]


def test_unscored_answers_are_left_out_and_counted() -> None:
    row = whole(table({"Q4": [np.nan] * 5 + BASELINE[5:]}), "Q4")
    assert (row.n, row.answered, row.unscored) == (35, 40, 5)
    assert whole(table({"Q4": [np.nan] * 40}), "Q4").verdict == "ungraded"


def test_a_baseline_that_is_always_wrong_shows_no_loss() -> None:
    found = table({"Q4": [0.0] * 40})
    assert whole(found, "Q4").verdict == "worse"
    scored = PairedCounts(0, 0, 0, 400)
    assert paired_proportions.p_above(scored, -0.05) < 0.05, "without the guard it would be a claim of no loss"


def test_scores_between_0_and_1_have_students_interval_and_no_flips() -> None:
    row = whole(table({"Q4": [0.9] * 20 + BASELINE[20:]}), "Q4")
    assert (row.right_to_wrong, row.mcnemar_p, row.is_binary) == (None, None, False)
    assert (row.wins, row.ties, row.losses) == (0, 20, 20)
    assert "Student" in row.interval_method
    assert "Fieller" in row.recovery_method
