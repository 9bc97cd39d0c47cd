"""Holm's step-down adjustment of p values, which limits false findings over many comparisons.

Source: Holm (1979), Scand. J. Statist. 6, 65–70. A test that could not be computed has no p value and is not counted: it
could not have rejected anything (Tarone 1990).
"""

from collections.abc import Sequence


def adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """Return adjusted p values in the same order; None stays None. With m tests, the k-th smallest is multiplied by m − k + 1."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = highest
    return adjusted
