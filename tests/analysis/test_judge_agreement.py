"""Agreement of a judge with itself: the study's three gradings, textbook figures, and gradings without variance."""

import math
from pathlib import Path

import numpy as np
import pytest

from qtui.analysis.instrument.judge_agreement import agreement, agreements
from tests.analysis.frames import grade_rows, reference, study

# Shrout & Fleiss (1979), table 2: six targets, four judges; their table 4 gives ICC(1,1) = .17, ICC(2,1) = .29, ICC(1,4) = .44.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_intraclass_correlations_are_those_of_shrout_and_fleiss() -> None:
    found = agreement(SHROUT_FLEISS)
    assert [round(v or 0, 2) for v in (found.icc1, found.icc2, found.icc1k)] == [0.17, 0.29, 0.44]


def test_alpha_of_perfect_and_of_opposite_gradings() -> None:
    same = agreement([[1, 1], [3, 3], [5, 5]])
    assert (same.alpha_nominal, same.alpha_ordinal, same.alpha_interval, same.exact_pair) == (1, 1, 1, 1)
    against = agreement([[1, 5], [5, 1]])
    # observed disagreement 1; expected: of the 12 ordered pairs of the 4 grades, 8 differ
    assert against.alpha_nominal == pytest.approx(1 - 12 / 8)


def test_ordinal_alpha_by_hand() -> None:
    # 3, 2 and 3 grades of 1, 2 and 3: squared distances 6.25 (1–2), 6.25 (2–3), 25 (1–3); observed 25, expected 600 / 7
    assert agreement([[1, 2], [2, 3], [3, 3], [1, 1]]).alpha_ordinal == pytest.approx(1 - 25 / (600 / 7))


def test_answers_without_all_takes_are_left_out_and_counted() -> None:
    found = agreement(np.array([[1, 2], [math.nan, 3], [4, 4], [5, 3]]))
    assert (found.n, found.left_out, found.range_ge2, found.hist) == (3, 1, 1, (1, 1, 1, 2, 1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("takes", [np.zeros((0, 2)), [[3, 3]], [[3, 3], [3, 3], [3, 3]], [[math.nan, 1]]])
def test_gradings_without_variance_have_no_coefficients(takes: list[list[float]]) -> None:
    found = agreement(takes)
    assert (found.icc1, found.icc2, found.icc1_ci, found.alpha_interval) == (None, None, None, None)
    assert all(p is None for p in found.p)
    assert found.to_json()["n"] == found.n


def test_one_take_is_refused_and_not_listed() -> None:
    with pytest.raises(ValueError, match="two takes"):
        agreement([[1], [2]])
    assert agreements(grade_rows("FP16", [1, 2, 3])) == {}


def test_every_figure_of_the_study_s_retest_is_met(shared: Path) -> None:
    [(key, found)] = agreements(study(shared).grades).items()
    assert key == ("e", "calm2-7b-chat", "FP16", "command-r-plus")
    wanted = reference(shared, "judge_retest.json")["CALM2-7B FP16"]
    ours = found.to_json()
    assert {name: ours[name] for name in wanted} == wanted
