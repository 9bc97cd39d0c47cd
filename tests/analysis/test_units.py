"""Intervals and tests clustered by task and by conversation: by hand, and their coverage by simulation with fixed seeds."""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from qtui.analysis import lengths, scores, shapes
from qtui.analysis.tables import length_table, score_table
from qtui.analysis.units import clustered_mean, units_of_tasks
from qtui.figures.scores import ScoreRow
from tests.analysis.frames import answer_rows, condition_rows, grade_rows, task_rows

Floats = npt.NDArray[np.float64]


def test_without_turns_the_clustered_interval_is_students() -> None:
    d = [0.0, -1, 2, 0, -1, 1]
    assert clustered_mean(d).interval(0.9) == pytest.approx(lengths.student_interval(d, 0.9))
    assert clustered_mean(d, [5, 1, 2, 9, 8, 7]).interval(0.9) == pytest.approx(lengths.student_interval(d, 0.9))


def test_units_of_equal_size_have_students_interval_of_their_means() -> None:
    d, units = [0.0, 1, -1, 0, 2, 3], [1, 1, 2, 2, 3, 3]
    assert clustered_mean(d, units).interval(0.9) == pytest.approx(lengths.student_interval([0.5, -0.5, 2.5], 0.9))


def test_units_of_different_size_by_hand() -> None:
    # mean 1; sums of deviations −1 and 1; shares of the values 1/3 and 2/3: se² = (1 / (2/3) + 1 / (1/3)) / 3²
    found = clustered_mean([0.0, 1, 2], [1, 2, 2])
    assert (found.mean, found.units) == (1, 2)
    assert found.se == pytest.approx(math.sqrt(0.5))
    assert found.df == pytest.approx(1)


def test_degrees_of_freedom_by_hand_where_one_unit_has_half_of_the_values() -> None:
    # Sizes 1, 1, 2, and no correlation within the unit of two, whose values differ.
    shares = np.array([0.25, 0.25, 0.5])
    covariance = (np.diag(shares) - np.outer(shares, shares)) / np.sqrt(np.outer(1 - shares, 1 - shares))
    by_hand = np.trace(covariance) ** 2 / (covariance**2).sum()
    found = clustered_mean([1.0, -1, 1, -1], [1, 2, 3, 3])
    assert found.df == pytest.approx(by_hand)
    assert by_hand < 2


def test_one_unit_has_a_mean_and_no_interval() -> None:
    found = scores.paired([1, 2], [2, 2], units=[1, 1])
    assert (found.difference, found.units, found.interval90, found.p, found.tasks_needed) == (0.5, 1, None, None, None)


def test_a_turn_belongs_to_the_task_that_begins_its_conversation() -> None:
    tasks = task_rows(6).assign(follows=[math.nan, 1, 2, math.nan, 4, math.nan])
    assert units_of_tasks(tasks) == {("e", 2): 1, ("e", 3): 1, ("e", 5): 4}
    assert units_of_tasks(task_rows(6)) == {}


def conversations(number: int) -> ScoreRow:
    """The row of 2-turn conversations, whose two turns have the same grades and lengths, as far as possible in pairs."""
    rng = np.random.default_rng(0)
    grades = [np.repeat(rng.integers(1, 6, number), 2).astype(float) for _ in range(2)]
    texts = [["あ" * int(10 + 5 * grade) for grade in of_variant] for of_variant in grades]
    tasks = task_rows(2 * number).assign(follows=[i if i % 2 else math.nan for i in range(2 * number)])
    answers = pd.concat([answer_rows("FP16", texts[0], baseline=True), answer_rows("Q4", texts[1], position=1)])
    graded = pd.concat([grade_rows("FP16", grades[0].tolist()), grade_rows("Q4", grades[1].tolist())])
    conditions = condition_rows(FP16={}, Q4={})
    [row] = score_table(answers.reset_index(drop=True), tasks, graded, conditions).pairs
    [pair] = length_table(answers.reset_index(drop=True), tasks).pairs
    assert pair.stripped.wilcoxon_p == row.behaviour_p
    return row


def test_turns_that_repeat_each_other_add_nothing_to_what_is_known() -> None:
    row = conversations(20)
    rng = np.random.default_rng(0)
    b, c = (rng.integers(1, 6, 20).astype(float) for _ in range(2))
    alone = scores.paired(b, c)
    assert (row.n, row.units) == (40, 20)
    assert row.interval90 == pytest.approx(alone.interval90)
    assert row.p == pytest.approx(alone.p)
    assert row.behaviour_p == pytest.approx(lengths.wilcoxon(5 * (c - b))[1])


def test_ten_conversations_are_needed_for_a_verdict_not_ten_turns() -> None:
    assert any("too few tasks: 6" in guard for guard in conversations(6).guards)


def test_a_shape_is_less_stable_when_its_answers_are_samples_of_few_tasks() -> None:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.integers(20, 900, 12), 5).astype(float)
    alone, clustered = shapes.stability(x), shapes.stability(x, np.repeat(np.arange(12), 5))
    assert alone.shape == clustered.shape
    assert (clustered.stability or 0) < (alone.stability or 0)


def coverage(turns: int, samples: int, *, clustered: bool, units: int = 40, runs: int = 600) -> float:
    """Return how often the 90 % interval holds the true difference 0, for grades whose tasks, turns and samples vary."""
    rng = np.random.default_rng(17)
    tasks = units * turns
    owner = np.repeat(np.arange(units), turns)
    covered = 0
    for _ in range(runs):
        quality = np.repeat(rng.normal(3, 1, units), turns) + rng.normal(0, 0.4, tasks)
        change = np.repeat(rng.normal(0, 0.7, units), turns) + rng.normal(0, 0.3, tasks)
        b, c = (
            np.rint(quality[:, None] + shift[:, None] + rng.normal(0, 0.8, (tasks, samples)))
            for shift in (np.zeros(tasks), change)
        )
        if clustered:
            interval = scores.paired(b.mean(axis=1), c.mean(axis=1), units=owner).interval90
        else:
            interval = scores.paired(b.ravel(), c.ravel()).interval90
        low, high = interval or (0.0, 0.0)
        covered += low <= 0 <= high
    return covered / runs


@pytest.mark.parametrize(("turns", "samples"), [(1, 5), (2, 1), (2, 5), (3, 2)])
def test_the_clustered_90_percent_interval_covers_88_to_92_percent(turns: int, samples: int) -> None:
    assert 0.875 <= coverage(turns, samples, clustered=True) <= 0.925


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_few_conversations_of_very_unequal_length_are_covered_as_well(shared: float) -> None:
    rng = np.random.default_rng(29)
    covered = 0
    for _ in range(800):
        sizes = rng.choice([1, 1, 1, 2, 3, 8], 20)
        owner = np.repeat(np.arange(20), sizes)
        d = np.sqrt(shared) * rng.normal(size=20)[owner] + np.sqrt(1 - shared) * rng.normal(size=owner.size)
        low, high = clustered_mean(d, owner).interval(0.9) or (0.0, 0.0)
        covered += low <= 0 <= high
    assert 0.88 <= covered / 800 <= 0.93


def test_taking_every_sample_and_turn_as_a_task_would_cover_far_less() -> None:
    assert coverage(2, 5, clustered=False) < 0.7


def lengths_covered(clustered: bool) -> float:
    rng = np.random.default_rng(23)
    owner = np.repeat(np.arange(30), 3)
    covered = 0
    for _ in range(200):
        d = np.repeat(rng.normal(0, 50, 30), 3) + rng.normal(0, 20, 90)
        low, high = lengths.bootstrap_mean(d, units=owner if clustered else None) or (0.0, 0.0)
        covered += low <= 0 <= high
    return covered / 200


def test_the_bootstrap_of_lengths_draws_whole_conversations() -> None:
    assert 0.9 <= lengths_covered(clustered=True) <= 0.98
    assert lengths_covered(clustered=False) < 0.85
