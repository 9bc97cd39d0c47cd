"""Holm's adjustment against worked figures and its own laws."""

from hypothesis import given
from hypothesis import strategies as st

from qtui.analysis.holm import adjust


def test_worked_example() -> None:
    assert adjust([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]


def test_tests_without_a_p_value_are_not_counted() -> None:
    assert adjust([None, 0.02, None]) == [None, 0.02, None]
    assert adjust([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_values_keep_the_order_and_are_never_smaller_nor_above_one(p: list[float]) -> None:
    adjusted = [q for q in adjust(p) if q is not None]
    assert all(before <= after <= 1 for before, after in zip(p, adjusted, strict=True))
    ranked = [after for _, after in sorted(zip(p, adjusted, strict=True))]
    assert ranked == sorted(ranked)
