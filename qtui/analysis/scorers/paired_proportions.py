"""Two proportions over the same tasks: interval and tests of their difference, and an interval of their ratio.

Student's interval fails where few tasks changed: without any change it is a point, as if nothing could have changed. These
intervals come from the counts instead and are wide in that case.

Sources: Tango (1998), Statist. Med. 17, 891–908 (score interval of the difference); Bonett & Price (2006), Statist. Med. 25,
3039–3050 (hybrid Wilson interval of the ratio); both are recommended by Fagerland, Lydersen & Laake (2014), Statist. Med. 33,
2850–2875.
"""

import math
from dataclasses import dataclass

from scipy import optimize, stats

DIFFERENCE_METHOD = "score interval of paired proportions (Tango 1998)"
RATIO_METHOD = "ratio of paired proportions, hybrid Wilson interval (Bonett & Price 2006)"


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Tasks by what both sides got right: both, only the baseline (lost), only the candidate (gained), neither."""

    both: int
    lost: int
    gained: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.lost + self.gained + self.neither


def difference_interval(counts: PairedCounts, level: float) -> tuple[float, float] | None:
    """Return the interval of candidate − baseline at a level such as 0.90; None without tasks."""
    if counts.n == 0:
        return None
    z = float(stats.norm.ppf((1 + level) / 2))
    return _bound(counts, z), _bound(counts, -z)


def score_statistic(counts: PairedCounts, difference: float) -> float:
    """Return Tango's statistic for the hypothesis that the true difference is `difference`; standard normal if it is.

    It is positive if the observed difference is above the hypothesis.
    """
    n, gained, lost = counts.n, counts.gained, counts.lost
    a = 2.0 * n
    b = -gained - lost + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    q = max(0.0, (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a))
    variance = n * (2 * q + difference * (1 - difference))
    excess = gained - lost - n * difference
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)


def p_above(counts: PairedCounts, bound: float) -> float:
    """Return the one-sided p value of the claim that the true difference is above `bound`."""
    return float(stats.norm.sf(score_statistic(counts, bound)))


def p_below(counts: PairedCounts, bound: float) -> float:
    """Return the one-sided p value of the claim that the true difference is below `bound`."""
    return float(stats.norm.cdf(score_statistic(counts, bound)))


def ratio_interval(counts: PairedCounts, level: float) -> tuple[float, float] | None:
    """Return the interval of candidate / baseline at a level such as 0.90; None if the baseline has none right."""
    right_b, right_c = counts.both + counts.lost, counts.both + counts.gained
    any_right = counts.both + counts.lost + counts.gained
    if right_b == 0:
        return None
    z = float(stats.norm.ppf((1 + level) / 2))
    a = math.sqrt((counts.lost + counts.gained + 2) / ((right_b + 1) * (right_c + 1)))
    b = math.sqrt((1 - (right_c + 1) / (any_right + 2)) / (right_c + 1))
    c = math.sqrt((1 - (right_b + 1) / (any_right + 2)) / (right_b + 1))
    adjusted = z * a / (b + c)
    low_b, high_b = _wilson(right_b, any_right, adjusted)
    low_c, high_c = _wilson(right_c, any_right, adjusted)
    return low_c / high_b, high_c / low_b


def tasks_needed_unchanged(level: float, margin: float) -> int:
    """Return from how many tasks without any change the interval is within ±margin: it ends at z² / (n + z²)."""
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2
    return math.floor(z2 * (1 - margin) / margin) + 1


def _bound(counts: PairedCounts, z: float) -> float:
    """Return the difference at which the statistic, which falls from +∞ to −∞, is z."""
    end = 1 - 1e-12
    for bound in (-end, end):
        at_end = score_statistic(counts, bound) - z
        if at_end == 0 or (at_end > 0) == (bound > 0):
            return math.copysign(1.0, bound)
    return float(optimize.brentq(lambda difference: score_statistic(counts, difference) - z, -end, end, xtol=1e-10))


def _wilson(successes: int, n: int, z: float) -> tuple[float, float]:
    z2 = z * z
    middle, half = 2 * successes + z2, z * math.sqrt(z2 + 4 * successes * (1 - successes / n))
    return max(0.0, (middle - half) / (2 * (n + z2))), (middle + half) / (2 * (n + z2))
