"""The adjustments against worked figures and its own laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.analysis.corrections import benjamini_hochberg, holm


def test_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]


def test_tests_without_a_p_value_are_not_counted() -> None:
    assert holm([None, 0.02, None]) == [None, 0.02, None]
    assert holm([]) == []


def test_the_eleven_lengths_of_the_study_by_hand() -> None:
    """Wilcoxon's p of the pairs of the 2024 study: three stay below 0.05, where one family of 44 tests kept one."""
    p = [0.2312, 0.3479, 0.03913, 0.8797, 0.002796, 0.6412, 0.1144, 0.01143, 0.8368, 0.004356, 9.208e-08]
    adjusted = [q for q in holm(p) if q is not None]
    assert (adjusted[10], adjusted[4], adjusted[9]) == pytest.approx((11 * 9.208e-08, 10 * 0.002796, 9 * 0.004356))
    assert adjusted[7] == pytest.approx(8 * 0.01143)
    assert sum(q < 0.05 for q in adjusted) == 3


def test_benjamini_and_hochberg_by_hand() -> None:
    # Ranks 1 to 5 of 5: 5/1 · .001, 5/2 · .008, 5/3 · .039, 5/4 · .041 (which also bounds the rank below it), 5/5 · .2.
    expected = [0.005, 0.02, 0.05125, 0.05125, 0.2]
    assert benjamini_hochberg([0.001, 0.008, 0.039, 0.041, 0.2]) == pytest.approx(expected)
    assert benjamini_hochberg([0.2, None, 0.001, None]) == [pytest.approx(0.2), None, pytest.approx(0.002), None]
    assert benjamini_hochberg([None]) == [None]
    assert benjamini_hochberg([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_benjamini_and_hochberg_find_all_that_holm_finds(p: list[float]) -> None:
    for before, bh, strict in zip(p, benjamini_hochberg(p), holm(p), strict=True):
        assert bh is not None
        assert strict is not None
        assert before - 1e-12 <= bh <= strict + 1e-12


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_values_keep_the_order_and_are_never_smaller_nor_above_one(p: list[float]) -> None:
    adjusted = [q for q in holm(p) if q is not None]
    assert all(before <= after <= 1 for before, after in zip(p, adjusted, strict=True))
    ranked = [after for _, after in sorted(zip(p, adjusted, strict=True))]
    assert ranked == sorted(ranked)
