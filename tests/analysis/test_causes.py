"""The decomposition of a difference: one kind for each pair of answers, and parts that add up."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.analysis.causes import Kind, decompose
from qtui.analysis.grades import by_variant, grade_pair
from qtui.analysis.pairing import pairs, variants
from qtui.analysis.tables import flag_answers
from qtui.figures.scores import ScoreCause
from tests.analysis.frames import Frames, two_variants

TEXTS = {
    "plain": "これはふつうの長さの答えで、とくに変わったところはありません。",
    "half": "これはふつうの。",
    "empty": " ",
    "loop": "くりかえし" * 20,
    "english": "This is an answer in plain English, of a usual length for it.",
}


def causes_of(frames: Frames) -> dict[str, ScoreCause]:
    [pair] = pairs(variants(frames.answers, flag_answers(frames.answers, frames.tasks), frames.tasks))
    graded = by_variant(frames.grades)
    found = grade_pair(pair, graded[pair.baseline.key]["j"], graded[pair.candidate.key]["j"])
    return {cause.kind: cause for cause in decompose(found.pair.answers, found.d)}


def test_each_pair_of_answers_counts_for_its_kind() -> None:
    baseline = ["plain", "empty", "plain", "plain", "plain", "plain", "loop", "empty"]
    candidate = ["empty", "plain", "loop", "english", "half", "plain", "loop", "empty"]
    frames = two_variants(
        [TEXTS[k] for k in baseline],
        [TEXTS[k] for k in candidate],
        ([4, 1, 4, 4, 4, 4, 2, 1], [1, 3, 2, 3, 3, 5, 2, 1]),
    )
    found = causes_of(frames)
    assert {kind: (c.baseline, c.candidate, c.contribution) for kind, c in found.items()} == {
        "empty": (1, 1, -1 / 8),
        "looping": (0, 1, -2 / 8),
        "other language": (0, 1, -1 / 8),
        "much shorter": (0, 1, -1 / 8),
        "the rest": (0, 3, 1 / 8),
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(TEXTS)), st.sampled_from(sorted(TEXTS)), st.integers(1, 5), st.integers(1, 5)),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=30, deadline=None)
def test_the_parts_add_up_to_the_difference(rows: list[tuple[str, str, int, int]]) -> None:
    before, after, b, c = zip(*rows, strict=True)
    found = causes_of(two_variants([TEXTS[k] for k in before], [TEXTS[k] for k in after], (b, c)))
    assert sum(cause.contribution for cause in found.values()) == pytest.approx(np.mean(c) - np.mean(b))
    assert set(found) <= set(get_args(Kind))


def test_swapping_sides_negates_what_flags_explain() -> None:
    texts = ([TEXTS["plain"]] * 3, [TEXTS["empty"], TEXTS["loop"], TEXTS["english"]])
    there = causes_of(two_variants(*texts, ([4, 4, 4], [1, 2, 3])))
    back = causes_of(two_variants(texts[1], texts[0], ([1, 2, 3], [4, 4, 4])))
    for kind, cause in there.items():
        assert back[kind] == ScoreCause(kind, cause.candidate, cause.baseline, -cause.contribution)
