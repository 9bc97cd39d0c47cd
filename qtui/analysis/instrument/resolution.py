"""The error of the instrument, and which loss an experiment can show with it.

A judge that grades the same answer twice does not always give the same grade. Takes of the same answers measure this noise (the
mean square within answers of a one-way analysis of variance). It is part of the spread of the differences and limits what can be
shown.

A verdict calls a loss "lower" if the 90 % interval is below 0. That happens with probability 80 % at a true loss of
(t.95 + t.80) · se, the resolution used here. Smaller losses, and differences of 0, may stay inconclusive, unless the interval is so
narrow that the margin decides every result (`scores.tasks_needed`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.grades import GradedPair
from qtui.analysis.scores import PairedScores
from qtui.analysis.units import totals
from qtui.figures.scores import Resolution
from qtui.format import count, number, percent

Floats = npt.NDArray[np.float64]
POWER = 0.80


def smallest_loss(se: float, freedom: float) -> float:
    """Return the true loss that is called lower 4 times of 5, for a standard error with these degrees of freedom."""
    return float(stats.t.ppf(0.95, freedom) + stats.t.ppf(POWER, freedom)) * se


def resolution(graded: GradedPair, result: PairedScores, margin: float) -> Resolution | None:
    """Return which loss this pair could have shown; None without a spread of differences (all equal, or one unit)."""
    if not result.se or result.df is None:
        return None
    noise = judge_noise(graded)
    share = None if noise is None else _noise_share(graded, noise, result)
    shown = smallest_loss(result.se, result.df)
    without = None if share is None else shown * float(np.sqrt(1 - share))
    decides = result.tasks_needed is not None and result.n >= result.tasks_needed
    return Resolution(
        shown=shown,
        judge_noise=noise,
        noise_share=share,
        shown_without_noise=without,
        always_decides=decides,
        sentence=_sentence(shown, noise, share, without, decides=decides, margin=margin, takes=_takes(graded)),
    )


def judge_noise(graded: GradedPair) -> float | None:
    """Return the standard deviation of one grade around the mean of its answer's takes; None if no answer has two takes."""
    takes = np.concatenate([_padded(side, graded) for side in (graded.takes_b, graded.takes_c)])
    return noise_of_takes(takes)


def noise_of_takes(takes: Floats) -> float | None:
    """Return the pooled standard deviation within the rows of takes (answers, takes), NaN where ungraded; None without pairs."""
    graded = ~np.isnan(takes)
    several = graded.sum(axis=1) > 1
    if not several.any():
        return None
    rows = takes[several]
    freedom = int(graded[several].sum() - several.sum())
    return float(np.sqrt(np.nansum((rows - np.nanmean(rows, axis=1, keepdims=True)) ** 2) / freedom))


def _padded(takes: Floats, graded: GradedPair) -> Floats:
    most = max(graded.takes_b.shape[1], graded.takes_c.shape[1])
    return np.pad(takes, ((0, 0), (0, most - takes.shape[1])), constant_values=np.nan)


def _takes(graded: GradedPair) -> int:
    return max(int(np.sum(~np.isnan(side), axis=1).max(initial=0)) for side in (graded.takes_b, graded.takes_c))


def _noise_share(graded: GradedPair, noise: float, result: PairedScores) -> float:
    """Return the share of the variance of the mean difference that is the judge's noise, at most 1.

    Equal answers are asked once and share their grades, so the noise of these cancels in the difference.
    """
    answers = graded.pair.answers
    counts_b, counts_c = ((~np.isnan(side)).sum(axis=1) for side in (graded.takes_b, graded.takes_c))
    shared = (answers["text_b"] == answers["text_c"]).to_numpy() & (graded.d == 0)
    variance = np.where(shared, 0.0, noise**2 * (1 / counts_b + 1 / counts_c))
    tasks = answers["task"].to_numpy()
    samples = totals(np.ones(len(answers)), tasks)
    of_mean = float((totals(variance, tasks) / samples**2).sum()) / result.n**2
    assert result.se is not None
    return min(1.0, of_mean / result.se**2)


def _sentence(
    shown: float,
    noise: float | None,
    share: float | None,
    without: float | None,
    *,
    decides: bool,
    margin: float,
    takes: int,
) -> str:
    lead = f"this experiment could have shown a loss of {number(shown, 2)} or more (4 times of 5)"
    lead += (
        f"; a margin of {margin:g} decides every result at this size"
        if decides
        else "; smaller ones can stay inconclusive"
    )
    if noise is None or share is None or without is None:
        return f"{lead}. The judge's noise is unknown: it needs two takes"
    if share == 0:
        return f"{lead}. The judge has no noise in these takes"
    of_variance = f"SD {number(noise, 2)} per grade, {percent(share)} of the variance of the difference"
    return f"{lead}. The judge's noise: {of_variance}; with many more than {count(takes, 'take')}: {number(without, 2)}"


@dataclass(frozen=True, slots=True)
class Spread:
    """What decides the standard deviation of one task's difference: `sd` measured with `takes` takes and `samples` samples.

    `noise_share` is the judge's share of its variance, `sample_variance` the sum of both variants' variances between samples; None
    is unknown.
    """

    sd: float
    takes: int
    samples: int
    noise_share: float | None = None
    sample_variance: float | None = None

    def planned(self, takes: int, samples: int) -> float:
        """Return the standard deviation with other numbers of takes and samples, as far as their parts are known."""
        variance = self.sd**2
        if self.noise_share is not None:
            variance += self.sd**2 * self.noise_share * (self.takes / takes - 1)
        if self.sample_variance is not None:
            variance += self.sample_variance * (1 / samples - 1 / self.samples)
        return float(np.sqrt(max(0.0, variance)))
