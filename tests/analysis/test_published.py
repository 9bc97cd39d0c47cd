"""The study's published figures: the file that comes with qtui, and files that are not as they should be."""

from pathlib import Path

import pytest
from scipy import stats

from qtui.analysis.published import load, unpaired_interval
from qtui.errors import UserError

OURS = Path(__file__).parents[2] / "data" / "published" / "elyza-tasks-100.csv"


def test_the_file_that_comes_with_qtui_has_14_models_of_which_11_have_both_sides() -> None:
    found = {score.model: score for score in load(OURS)}
    assert len(found) == 14
    assert sum(score.difference is not None for score in found.values()) == 11
    assert found["Swallow-7b-instruct"].difference == 0
    assert found["karakuri-lm-70b-chat-v0.1"].interval90 is None


def test_it_is_the_reference_figure_for_figure(shared: Path) -> None:
    assert load(OURS) == load(shared / "reference" / "published.csv")


def test_the_interval_is_welch_s() -> None:
    variances = 1.709495, 1.862222
    welch = stats.ttest_ind_from_stats(2.58, variances[1] ** 0.5, 100, 2.26, variances[0] ** 0.5, 100, equal_var=False)
    low, high = unpaired_interval(2.58 - 2.26, *variances, level=0.95)
    # The test is significant at exactly the level whose interval touches zero.
    touching = unpaired_interval(2.58 - 2.26, *variances, level=1 - float(welch.pvalue))
    assert touching[0] == pytest.approx(0, abs=1e-9)
    assert low < 0 < 2.58 - 2.26 < high
    score = next(score for score in load(OURS) if score.model == "calm2-7b-chat")
    assert score.interval90 == pytest.approx(unpaired_interval(2.58 - 2.26, *variances))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,family,fp16_mean\na,b,1\n", ':2: no "q4_k_m_mean"'),
        (
            "model,family,fp16_mean,q4_k_m_mean,fp16_variance,q4_k_m_variance\na,b,high,1,1,1\n",
            ":2: \"fp16_mean\" is 'high', not a number",
        ),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=f"published.csv{message}"):
        load(path)


def test_a_missing_file_is_an_error_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the published scores"):
        load(tmp_path / "none.csv")
