"""Rounding for JSON and for sentences, in one place, so that a figure reads the same wherever it is shown.

Results keep full precision; only what leaves the program is rounded. The digits for lengths are those of the study's
reference figures (two decimals for characters, four for shares, four significant digits for p values).
"""

import math


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


def interval(value: tuple[float, float] | None, places: int) -> list[float | None] | None:
    """Both ends rounded, as a JSON list; None where there is no interval."""
    return None if value is None else [decimals(value[0], places), decimals(value[1], places)]


def signed(value: float, places: int = 2) -> str:
    """`+0.12`, `−0.41`, `0.00`: always with a sign unless it rounds to zero; the minus is U+2212, as in typeset tables."""
    text = f"{abs(value):.{places}f}"
    if float(text) == 0.0:
        return text
    return ("−" if value < 0 else "+") + text


def p_text(p: float) -> str:
    """A p value as a reader wants it: `p 0.031`, `p < 0.0001`."""
    return "p < 0.0001" if p < 0.0001 else f"p {significant(p, 2):g}"
