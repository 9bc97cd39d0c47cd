"""How much a model varies by itself: grades of several samples of the same task, beside the change from baseline to candidate.

Two samples of the baseline differ on average by `within` grades, a sample of the baseline and one of the candidate by `across`. If
quantization changed nothing, all samples would come from one distribution and both would be equal but for chance: `excess`, their
difference per task, has mean 0. Its interval is over units (tasks or conversations). Two samples of the same number are not
compared across variants: they may have the same random numbers, and would then be more alike than two samples are.
"""

from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.grades import GradedPair
from qtui.analysis.units import clustered_mean
from qtui.figures.pair import Interval
from qtui.figures.scores import SampleSpread
from qtui.format import number, signed

Floats = npt.NDArray[np.float64]


def sample_spread(graded: GradedPair) -> SampleSpread | None:
    """Return the spread between samples; None unless two tasks have two samples that are graded on both sides."""
    answers = graded.pair.answers
    b, c = (_by_sample(answers, side) for side in ("grade_b", "grade_c"))
    samples = b.shape[1]
    if samples < 2:
        return None
    within_b, within_c = (_mean_distance(x, x, list(combinations(range(samples), 2))) for x in (b, c))
    across = _mean_distance(b, c, list(permutations(range(samples), 2)))
    known = ~np.isnan(within_b + within_c + across)
    if int(known.sum()) < 2:
        return None
    units = None if graded.pair.units is None else graded.pair.units[known]
    excess = clustered_mean((across - within_b)[known], units)
    interval = excess.interval(0.90)
    return SampleSpread(
        samples=samples,
        tasks=int(known.sum()),
        sd_baseline=_sd(b[known]),
        sd_candidate=_sd(c[known]),
        within=float(within_b[known].mean()),
        within_candidate=float(within_c[known].mean()),
        across=float(across[known].mean()),
        excess=excess.mean,
        excess_interval90=interval,
        answer=_answer(interval),
        sentence=_sentence(
            graded.pair.baseline.name,
            within=float(within_b[known].mean()),
            across=float(across[known].mean()),
            interval=interval,
        ),
    )


def _by_sample(answers: pd.DataFrame, column: str) -> Floats:
    """Return the grades of a side as (tasks, samples), NaN where there is none."""
    return answers.pivot(index="task", columns="sample", values=column).sort_index().to_numpy(dtype=np.float64)


def _mean_distance(x: Floats, y: Floats, pairs: list[tuple[int, int]]) -> Floats:
    """Return the mean of |x_i − y_j| over these pairs of samples by task (tasks,), NaN where no pair is graded."""
    total, count = np.zeros(len(x)), np.zeros(len(x))
    for i, j in pairs:
        distance = np.abs(x[:, i] - y[:, j])
        total += np.nan_to_num(distance)
        count += ~np.isnan(distance)
    return np.asarray(np.divide(total, count, out=np.full(len(x), np.nan), where=count > 0))


def _sd(grades: Floats) -> float | None:
    """Return the standard deviation of samples around the mean of their task, pooled over tasks."""
    count = (~np.isnan(grades)).sum(axis=1)
    deviations = grades - np.nanmean(grades, axis=1, keepdims=True)
    freedom = int((count - 1).sum())
    return float(np.sqrt(np.nansum(deviations**2) / freedom)) if freedom else None


def _answer(interval: Interval | None) -> str:
    if interval is None:
        return "unknown"
    return "yes" if interval[0] > 0 else "less" if interval[1] < 0 else "not shown"


def _sentence(baseline: str, *, within: float, across: float, interval: Interval | None) -> str:
    leads = {
        "yes": "more than the model varies by itself",
        "less": "less than the model varies by itself",
        "not shown": "not shown to be more than the model varies by itself",
        "unknown": "unknown whether that is more than the model varies by itself",
    }
    measured = (
        f"two samples of {baseline} differ by {number(within, 2)} grades, one of each variant by {number(across, 2)}"
    )
    between = "" if interval is None else f" ({signed(interval[0])} to {signed(interval[1])} more)"
    return f"{leads[_answer(interval)]}: {measured}{between}"
