"""The study's published figures: the file that comes with qtui, and files that are not as they should be."""

from pathlib import Path

import pytest
from scipy import stats

from qtui.analysis.published import load
from qtui.errors import UserError

OURS = Path(__file__).parents[2] / "data" / "published" / "elyza-tasks-100.csv"


def test_the_file_that_comes_with_qtui_has_14_models_of_which_11_have_both_sides() -> None:
    found = {score.model: score for score in load(OURS)}
    assert len(found) == 14
    assert sum(score.difference is not None for score in found.values()) == 11
    assert found["Swallow-7b-instruct"].difference == 0
    assert found["karakuri-lm-70b-chat-v0.1"].unpaired_interval() is None


def test_it_is_the_reference_figure_for_figure(shared: Path) -> None:
    assert load(OURS) == load(shared / "reference" / "published.csv")


def test_the_interval_is_welch_s() -> None:
    score = next(s for s in load(OURS) if s.model == "calm2-7b-chat")
    welch = stats.ttest_ind_from_stats(2.58, 1.862222**0.5, 100, 2.26, 1.709495**0.5, 100, equal_var=False)
    low, high = score.unpaired_interval(0.95) or (0, 0)
    # The test is significant at exactly the level whose interval touches zero.
    touching = score.unpaired_interval(1 - float(welch.pvalue)) or (1, 1)
    assert touching[0] == pytest.approx(0, abs=1e-9)
    assert low < 0 < score.difference < high if score.difference else False


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
