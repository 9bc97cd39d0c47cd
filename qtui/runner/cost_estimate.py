"""How many tokens the questions of a judge will be: by a rule of thumb, or as earlier questions of the same judge were.

With earlier grades the expected sum is the mean of what each of these used, scaled by the length of its prompt, and the range is
twice the standard error of predicting a sum of N from n (the usual prediction interval: variance N s² (1 + N / n)).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from qtui.endpoints.token_estimate import Range

LEAST_EARLIER = 8
"""Fewer earlier grades say too little."""


@dataclass(slots=True)
class Sizes:
    """The prompts of questions, by their estimated tokens; `low` are the questions that are certain, `high` those that may come."""

    low: list[Range] = field(default_factory=list)
    high: list[Range] = field(default_factory=list)

    def add(self, prompt: Range, *, is_certain: bool) -> None:
        """Add one question."""
        self.high.append(prompt)
        if is_certain:
            self.low.append(prompt)

    @property
    def requests(self) -> tuple[int, int]:
        return len(self.low), len(self.high)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier questions of a judge used, an entry per grade."""

    prompt_rates: tuple[float, ...] = ()
    """Counted tokens of a prompt as a multiple of the middle of its estimate."""
    completions: tuple[float, ...] = ()
    """Counted tokens of the replies."""

    @property
    def is_enough(self) -> bool:
        return len(self.completions) >= LEAST_EARLIER


def prompt_tokens(sizes: Sizes, earlier: Earlier) -> Range:
    """Return how many tokens the prompts will be together."""
    if not earlier.is_enough:
        return Range(math.fsum(each.low for each in sizes.low), math.fsum(each.high for each in sizes.high))
    # The answers of questions to come have a range of lengths: the low sum takes them as empty.
    low = _predicted(earlier.prompt_rates, [each.middle for each in sizes.low]).low
    is_known = len(sizes.low) == len(sizes.high)
    return Range(
        low, _predicted(earlier.prompt_rates, [each.middle if is_known else each.high for each in sizes.high]).high
    )


def completion_tokens(sizes: Sizes, earlier: Earlier, max_tokens: int) -> Range:
    """Return how many tokens the replies will be together."""
    if not earlier.is_enough:
        return Range(0.0, float(max_tokens * len(sizes.high)))
    low = _predicted(earlier.completions, [1.0] * len(sizes.low)).low
    return Range(low, _predicted(earlier.completions, [1.0] * len(sizes.high)).high)


def _predicted(seen: Sequence[float], weights: Sequence[float]) -> Range:
    """The range of the sum of weight × value over values like those seen."""
    whole = math.fsum(weights)
    error = 2 * stdev(seen) * math.sqrt(math.fsum(weight * weight for weight in weights) + whole * whole / len(seen))
    expected = fmean(seen) * whole
    return Range(max(0.0, expected - error), expected + error)
