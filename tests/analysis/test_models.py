"""Over models: the correlation, its interval and p value, and how little the sentence claims."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qtui.analysis.over_models import over_models, rank_correlation, sentence
from qtui.analysis.tables import length_table, score_table
from tests.analysis.frames import answer_rows, condition_rows, grade_rows, study, task_rows


def test_correlation_and_interval_follow_bonett_and_wright() -> None:
    x, y = [1.0, 2, 3, 4, 5, 6, 7, 8, 9], [2.0, 1, 4, 3, 7, 5, 9, 6, 8]
    found = rank_correlation(x, y)
    r = stats.spearmanr(x, y).statistic
    half = 1.959964 * np.sqrt((1 + r * r / 2) / 6)
    assert found.r == pytest.approx(r)
    assert found.interval95 == pytest.approx(np.tanh([np.arctanh(r) - half, np.arctanh(r) + half]))


def test_p_is_exact_for_few_models() -> None:
    # 2 of the 24 orders of four are as extreme as the perfect ones, one at each end.
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]).p == pytest.approx(2 / 24)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [2]), ([1, 2], [1, 2]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_models_or_no_variance_give_none(x: list[float], y: list[float]) -> None:
    found = rank_correlation(x, y)
    assert (found.n, found.r, found.interval95, found.p) == (len(x), None, None, None)
    assert sentence("this", found, None).endswith("too few to draw a conclusion")


def test_a_perfect_order_has_no_interval_and_still_a_sentence() -> None:
    found = rank_correlation([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    assert found.interval95 is None
    assert "in perfect order" in sentence("this", found, 2)
    assert "from 2 families" in sentence("this", found, 2)
    assert "not independent" in sentence("this", found, 2)


def test_one_point_per_model_with_the_named_candidate() -> None:
    answers = pd.concat(
        [
            row
            for i, model in enumerate("abcd")
            for row in (
                answer_rows("FP16", ["あ" * (10 * i + 10)] * 12, model=model, baseline=True),
                answer_rows("Q4", ["あ" * (9 * i + 10)] * 12, model=model, position=1),
                answer_rows("Q2", ["あ" * 5] * 12, model=model, position=2),
            )
        ],
        ignore_index=True,
    )
    grades = pd.concat(
        [grade_rows(v, [g] * 12, model="b") for v, g in (("FP16", 4), ("Q4", 3), ("Q2", 1))], ignore_index=True
    )
    lengths = length_table(answers, task_rows(12))
    scores = score_table(answers, task_rows(12), grades, condition_rows())
    first = over_models(lengths, scores)
    assert [(p.model, p.candidate, p.length_before, p.score_change) for p in first.points] == [
        ("a", "Q4", 10, None), ("b", "Q4", 20, -1.0), ("c", "Q4", 30, None), ("d", "Q4", 40, None)]  # fmt: skip
    assert [p.candidate for p in over_models(lengths, scores, candidate="Q2").points] == ["Q2"] * 4
    assert first.points[3].length_change == pytest.approx(37 / 40 - 1)
    assert first.change_and_score.n == 1


def test_the_study_s_five_models_prove_nothing_and_the_sentence_says_so(shared: Path) -> None:
    frames = study(shared)
    found = over_models(length_table(frames.answers, frames.tasks))
    assert found.length_and_change.n == 5
    low, high = found.length_and_change.interval95 or (0, 0)
    assert low < 0 < high
    assert found.sentences[0].endswith("too few models to show a relation or to rule out a strong one")
    assert found.sentences[1].endswith("0 models, too few to draw a conclusion")
