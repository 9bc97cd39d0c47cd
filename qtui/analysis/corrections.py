"""Adjustments of p values, which limit false findings over many comparisons.

Holm's step-down adjustment bounds the chance of any false finding; it is for the tests that a verdict rests on. Benjamini and
Hochberg's bounds the share of false findings among all findings; it is for secondary tests, which are many and are read as hints.

A test that could not be computed has no p value and is not counted: it could not have rejected anything (Tarone 1990).

Sources: Holm (1979), Scand. J. Statist. 6, 65–70; Benjamini & Hochberg (1995), J. R. Statist. Soc. B 57, 289–300, by scipy.
"""

from collections.abc import Sequence

from scipy import stats


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p values in the same order; None stays None. With m tests, the k-th smallest is multiplied by m − k + 1."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p values in the same order; None stays None. With m tests, the k-th smallest is multiplied by m / k."""
    known = [i for i, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    if known:
        values = stats.false_discovery_control([p_values[i] for i in known], method="bh")
        for i, p in zip(known, values.tolist(), strict=True):
            adjusted[i] = p
    return adjusted
