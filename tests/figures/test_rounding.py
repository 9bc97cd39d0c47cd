"""Digits are written at a field and hold for everything in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pytest

from qtui.figures.rounding import Decimals, Significant, rounded


@dataclass(frozen=True, slots=True)
class Inner:
    p: Annotated[float | None, Significant(2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str = "x"
    share: Annotated[float | None, Decimals(2)] = None
    interval: Annotated[tuple[float, float] | None, Decimals(1)] = None
    shares: Annotated[Mapping[str, float], Decimals(3)]
    exact: float = 1 / 3
    count: int | None = None
    inner: tuple[Inner, ...] = ()


def test_every_field_has_the_digits_of_its_annotation() -> None:
    whole = Outer(
        share=1 / 3, interval=(1.26, -2.34), shares={"a": 2 / 3}, count=7, inner=(Inner(0.012345), Inner(None))
    )
    assert rounded(whole) == Outer(
        share=0.33, interval=(1.3, -2.3), shares={"a": 0.667}, count=7, inner=(Inner(0.012), Inner(None))
    )


def test_rounding_twice_is_rounding_once() -> None:
    once = rounded(Outer(share=2.675, shares={"a": 1e-9}, inner=(Inner(0.0995),)))
    assert rounded(once) == once


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_becomes_none(value: float) -> None:
    assert rounded(Inner(value)) == Inner(None)


def test_no_zero_is_negative() -> None:
    assert math.copysign(1, rounded(Outer(share=-0.001, shares={})).share or 0.0) == 1


def test_whole_numbers_of_a_measured_field_become_decimal_ones() -> None:
    share = rounded(Outer(share=1, shares={})).share
    assert (share, type(share)) == (1.0, float)


def test_only_records_are_rounded() -> None:
    with pytest.raises(TypeError, match="a record is needed"):
        rounded(0.5)
