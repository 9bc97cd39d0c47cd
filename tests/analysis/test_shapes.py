"""Shapes: the rule at its edges, its stability, and the names of the study."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.analysis import shapes
from tests.analysis.frames import reference, study


def rule(x: np.ndarray) -> str:
    """DESIGN's rule, written out for one sample."""
    if (x < 100).mean() >= 0.25 and (x >= 800).mean() >= 0.10:
        return "no-clear-peak"
    if np.median(x) < 80:
        return "slime"
    if np.median(x) >= 180 and (x >= 300).mean() >= 0.30:
        return "pot"
    return "flask" if (x < 500).mean() >= 0.90 else "unclassified"


@pytest.mark.parametrize(
    ("lengths", "name"),
    [
        ([99] * 25 + [800] * 10 + [200] * 65, "no-clear-peak"),
        ([79] * 51 + [400] * 49, "slime"),
        ([180] * 70 + [300] * 30, "pot"),
        ([179] * 90 + [500] * 10, "flask"),
        ([150] * 60 + [600] * 40, "unclassified"),
        ([79, 81], "flask"),
    ],
)
def test_each_shape_at_its_threshold(lengths: list[int], name: str) -> None:
    assert shapes.classify(lengths) == name == rule(np.asarray(lengths))


@given(st.lists(st.sampled_from([0, 79, 80, 81, 99, 100, 179, 180, 181, 299, 300, 500, 800]), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_every_resample_is_named_by_the_same_rule(lengths: list[int]) -> None:
    x = np.sort(np.asarray(lengths))
    drawn, _ = shapes.resamples(x.size)
    wanted = Counter(rule(x[row]) for row in drawn)
    assert shapes.stability(lengths).shares == {name: count / len(drawn) for name, count in wanted.items()}


def test_the_order_of_answers_does_not_matter() -> None:
    lengths = np.random.default_rng(1).integers(0, 900, 100)
    assert shapes.stability(lengths) == shapes.stability(lengths[::-1])


def test_stability_is_the_share_that_agrees_and_shares_sum_to_one() -> None:
    found = shapes.stability([60] * 48 + [90] * 52)
    assert found.shape == "flask"
    assert found.stability == found.shares["flask"] < 1
    assert sum(found.shares.values()) == pytest.approx(1)


def test_no_answers_have_no_shape() -> None:
    assert shapes.classify([]) is None
    assert shapes.stability([]).stability is None


def test_the_study_s_shapes_and_their_stability_are_met(shared: Path) -> None:
    lengths, frames = reference(shared, "lengths.json"), study(shared)
    models = {name: entry["fp16_dir"].split("/")[1] for name, entry in lengths["pairs"].items()}
    models["Karakuri-70B"] = "karakuri-lm-70b-chat-v0.1"
    wanted = reference(shared, "shapes.json")
    assert len(wanted) == 11
    for label, entry in wanted.items():
        name, side = label.rsplit(" ", 1)
        rows = frames.answers.query("model == @models[@name] and variant == @side_name", local_dict={
            "models": models, "name": name, "side_name": "FP16" if side == "F" else "Q4_K_M"})  # fmt: skip
        found = shapes.stability(rows["text"].str.len())
        assert found.shape == entry["rule"], label
        # Two bootstraps of 2,000 differ by chance: four standard deviations of their difference are below 0.065.
        for shape, share in entry["bootstrap"].items():
            assert found.shares.get(shape, 0.0) == pytest.approx(share, abs=0.065), (label, shape)
