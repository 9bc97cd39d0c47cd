"""The adjustments against worked figures and its own laws."""

from hypothesis import given
from hypothesis import strategies as st

from qtui.analysis.corrections import benjamini_hochberg, holm


def test_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]


def test_tests_without_a_p_value_are_not_counted() -> None:
    assert holm([None, 0.02, None]) == [None, 0.02, None]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_adjusted_values_keep_the_order_and_are_never_smaller_nor_above_one(p: list[float]) -> None:
    adjusted = [q for q in holm(p) if q is not None]
    assert all(before <= after <= 1 for before, after in zip(p, adjusted, strict=True))
    ranked = [after for _, after in sorted(zip(p, adjusted, strict=True))]
    assert ranked == sorted(ranked)
