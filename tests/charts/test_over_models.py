"""The list beside the plot of length against score: every line says what it is of, at every width."""

import pytest

from qtui.charts.lines import plain, width
from qtui.charts.over_models import over_models_lines
from qtui.figures.over_models import ModelPoint, OverModels, RankCorrelation

SENTENCES = ("length before and relative change: so few models prove nothing", "change of length and of score: nothing")
NONE = RankCorrelation(0, None, None, None)


def found(*points: ModelPoint, scores_by: str = "reference") -> OverModels:
    return OverModels(points, scores_by, NONE, NONE, SENTENCES)


def point(run_id: int, model: str, candidate: str = "Q4_K_M") -> ModelPoint:
    return ModelPoint(run_id, model, candidate, 100.0, -0.12, 0.1)


@pytest.mark.parametrize("cells", [40, 52, 78])
def test_one_model_in_two_runs_is_named_with_its_experiment(cells: int) -> None:
    lines = over_models_lines(found(point(1, "small"), point(2, "small")), {1: "cold", 2: "hot"}, cells)
    assert plain(lines[1]).startswith(" 1 small (cold)")
    assert plain(lines[2]).startswith(" 2 small (hot)")
    assert max(map(width, lines)) <= cells


def test_candidates_are_named_only_where_they_differ() -> None:
    alike = over_models_lines(found(point(1, "small"), point(1, "large")), {1: "cold"}, 60)
    differing = over_models_lines(found(point(1, "small"), point(1, "large", "Q2_K")), {1: "cold"}, 60)
    assert "Q4_K_M" not in plain(alike[1])
    assert ["Q4_K_M" in plain(differing[1]), "Q2_K" in plain(differing[2])] == [True, True]


def test_without_scores_the_list_says_so() -> None:
    said = " ".join(plain(line) for line in over_models_lines(found(point(1, "small"), scores_by=""), {1: "cold"}, 60))
    assert "there is no score to plot against length" in said
