"""What a model varies by itself, what a judge varies by itself, and which loss an experiment can show with them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from qtui.analysis import scores, verdict
from qtui.analysis.instrument.resolution import Spread, noise_of_takes, smallest_loss
from qtui.analysis.tables import score_table
from qtui.figures.scores import ScoreRow
from tests.analysis.frames import answer_rows, condition_rows, grade_rows, json_of, task_rows

N = 60


def row_of(baseline: Any, candidate: Any, *, same_texts: bool = False) -> ScoreRow:
    """The row of grades (tasks, samples, takes) of both variants."""
    answers, grades = [], []
    for name, given in (("FP16", baseline), ("Q4", candidate)):
        values = np.asarray(given, dtype=float)
        for sample in range(values.shape[1]):
            who = "" if same_texts else name
            texts = [f"{who}{sample}の答え{i}" for i in range(len(values))]
            answers.append(answer_rows(name, texts, baseline=name == "FP16", position=int(name == "Q4"), sample=sample))
            grades += [
                grade_rows(name, values[:, sample, take].tolist(), sample=sample, take=take + 1)
                for take in range(values.shape[2])
            ]
    frames = [pd.concat(rows, ignore_index=True) for rows in (answers, grades)]
    conditions = condition_rows(FP16={}, Q4={})
    return score_table(frames[0], task_rows(len(baseline)), frames[1], conditions).pairs[0]


def samples(rng: np.random.Generator, *, shift: float = 0.0, spread: float = 0.8, n: int = 5) -> Any:
    """Grades (tasks, samples, one take) around a quality per task that is the same for every call."""
    quality = np.random.default_rng(1).normal(3, 1, N)
    return np.clip(np.rint(quality[:, None] + shift + rng.normal(0, spread, (N, n))), 1, 5)[:, :, None]


def test_a_change_beyond_the_spread_between_samples_is_more_than_the_model_varies_by_itself() -> None:
    rng = np.random.default_rng(2)
    found = row_of(samples(rng), samples(rng, shift=-1.2)).sample_spread
    assert found is not None
    assert (found.samples, found.tasks, found.answer) == (5, N, "yes")
    assert found.sentence.startswith("more than the model varies by itself: two samples of FP16 differ by ")


def test_samples_of_the_same_distribution_are_found_to_be_more_5_times_of_100() -> None:
    rng = np.random.default_rng(4)
    found = [row_of(samples(rng, n=3), samples(rng, n=3)).sample_spread for _ in range(40)]
    assert [spread.answer for spread in found if spread].count("yes") <= 5


def test_the_spread_by_hand() -> None:
    # two samples of FP16 differ by 1 and 3; across samples 0 and 1: |1 − 4| and |2 − 1|; |2 − 3| and |5 − 2|
    found = row_of([[[1], [2]], [[2], [5]]], [[[1], [4]], [[2], [3]]]).sample_spread
    assert found is not None
    assert (found.within, found.within_candidate, found.across) == (2, 2, 2)
    assert (found.excess, found.answer) == (0, "not shown")
    assert json_of(found)["sd_baseline"] == pytest.approx((0.5 * (0.5 + 4.5)) ** 0.5, abs=1e-6)


def test_one_sample_says_nothing_about_the_spread() -> None:
    assert row_of(np.full((12, 1, 1), 3), np.full((12, 1, 1), 3)).sample_spread is None


def test_takes_tell_the_noise_of_the_judge_and_its_share() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(3, 1, (2, 400, 1, 1))
    noisy = true + rng.normal(0, 0.5, (2, 400, 1, 3))
    found = row_of(noisy[0], noisy[1]).resolution
    assert found is not None
    assert found.judge_noise == pytest.approx(0.5, abs=0.03)
    # variance of the difference: 2 of the answers and 2 · 0.25 / 3 of the judge
    assert found.noise_share == pytest.approx((0.5 / 3) / (2 + 0.5 / 3), abs=0.02)
    assert "The judge's noise: SD 0.49 per grade, 7 %" in found.sentence


def test_equal_answers_are_asked_once_so_their_noise_cancels() -> None:
    rng = np.random.default_rng(6)
    shared = np.rint(rng.normal(3, 1, (40, 1, 3)))
    other = shared.copy()
    other[0] += 1
    found = row_of(shared, other, same_texts=True).resolution
    assert found is not None
    assert found.judge_noise is not None
    assert found.judge_noise > 0
    assert (found.noise_share or 0) < 2 / 40 * 40**2 / 39


def test_one_take_leaves_the_noise_unknown() -> None:
    found = row_of([[[1]], [[2]], [[3]]], [[[2]], [[2]], [[5]]]).resolution
    assert found is not None
    assert (found.judge_noise, found.noise_share, found.shown_without_noise) == (None, None, None)
    assert found.sentence.endswith("The judge's noise is unknown: it needs two takes")


def test_equal_differences_have_no_resolution() -> None:
    assert row_of(np.full((12, 1, 1), 3), np.full((12, 1, 1), 4)).resolution is None


def test_a_loss_of_the_resolution_is_called_lower_4_times_of_5() -> None:
    rng = np.random.default_rng(7)
    n, sd = 100, 1.0
    loss = smallest_loss(sd / n**0.5, n - 1)
    assert loss == pytest.approx(0.25, abs=0.01)
    found = [scores.paired(np.zeros(n), rng.normal(-loss, sd, n)).interval90 or (0, 0) for _ in range(1_000)]
    called = [verdict.decide(interval, 0.05) in ("lower", "worse") for interval in found]
    assert np.mean(called) == pytest.approx(0.8, abs=0.04)


def test_more_takes_take_away_the_noise_alone_and_more_samples_the_spread_alone() -> None:
    spread = Spread(sd=1.0, takes=1, samples=2, noise_share=0.5, sample_variance=0.4)
    assert spread.planned(1, 2) == 1
    assert spread.planned(5, 2) == pytest.approx((1 - 0.5 * 0.8) ** 0.5)
    assert spread.planned(1, 4) == pytest.approx((1 - 0.4 / 4) ** 0.5)
    assert Spread(1.0, 1, 1).planned(10, 5) == 1


def test_noise_needs_two_takes_of_one_answer() -> None:
    assert noise_of_takes(np.array([[1.0, np.nan], [np.nan, 3]])) is None
    assert noise_of_takes(np.array([[1.0, 3], [2, np.nan]])) == pytest.approx(2**0.5)
