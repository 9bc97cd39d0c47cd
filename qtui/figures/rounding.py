"""Rounding of figures for readers: annotated at the field of a record, applied once to a whole record.

Computations keep full precision; `rounded` is called before a record is shown, so that a figure has the same digits on a screen, in
JSON and in an export. Digits of lengths are those of the study's reference figures: two decimals for characters,
four for shares, four significant digits for p values.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decimals:
    """An annotation of a field: every number in it is rounded to `places` decimals."""

    places: int

    def rounded(self, value: float) -> float | None:
        return decimals(value, self.places)


@dataclass(frozen=True, slots=True)
class Significant:
    """An annotation of a field: every number in it keeps `digits` significant digits."""

    digits: int

    def rounded(self, value: float) -> float | None:
        return significant(value, self.digits)


def rounded(figure: T) -> T:
    """Return a copy of a record in which every field, and every field of a record in it, has the digits of its annotation.

    Numbers that are not finite become None, as JSON has them. Fields without an annotation stay as they are.
    """
    if not is_dataclass(figure) or isinstance(figure, type):
        raise TypeError(f"a record is needed, not {figure!r}")
    rules = _rules(type(figure))
    values = {each.name: _rounded(getattr(figure, each.name), rules.get(each.name)) for each in fields(figure)}
    return type(figure)(**values)


def decimals(value: float | None, places: int) -> float | None:
    """`value` rounded to `places` decimals; None where it is None or not finite. No negative zero."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), places) + 0.0


def significant(value: float | None, digits: int) -> float | None:
    """`value` with that many significant digits; None where it is None or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


_Rule = Decimals | Significant


@cache
def _rules(record: type) -> dict[str, _Rule]:
    hints = get_type_hints(record, include_extras=True)
    metadata = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {
        name: rule
        for name, annotations in metadata.items()
        for rule in annotations
        if isinstance(rule, Decimals | Significant)
    }


def _rounded(value: Any, rule: _Rule | None) -> Any:
    if isinstance(value, tuple):
        return tuple(_rounded(each, rule) for each in value)
    if isinstance(value, Mapping):
        return {name: _rounded(each, rule) for name, each in value.items()}
    if is_dataclass(value):
        return rounded(value)
    if rule is None or value is None:
        return value
    return rule.rounded(value)
