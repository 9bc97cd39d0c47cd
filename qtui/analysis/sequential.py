"""A confidence sequence for a mean: intervals that hold after every task at once, so that judging may stop at any of them.

An ordinary interval holds for a number of tasks that was fixed before. Whoever looks after every task and stops when the interval
says enough is wrong far more often than the interval says. The sequence here holds at all looks together: the probability that it
ever leaves out the true mean is at most α. It is the hedged capital process of Waudby-Smith & Ramdas (2024), «Estimating means
of bounded random variables by betting», J. R. Stat. Soc. B 86(1), theorem 3 with the predictable plug-in bets of their equation 26,
θ = 1/2 and c = 1/2: for every possible mean m, a gambler bets on and against each value; where he becomes rich, m is not the mean.

What it asks of the data: each value is bounded, and has the same mean given the values before it. Tasks in an order that was drawn
by lot, independently of their grades, are such values: independent draws from the tasks of which these are a sample. That is the
population of the ordinary interval, too, so the sequence does not shrink to nothing at the last task.
"""

import numpy as np
import numpy.typing as npt

from qtui.records import content_hash

ALPHA = 0.10
"""Both sides together, as for the 90 % interval of a verdict: each claim of one side is wrong at most 5 times of 100."""
POINTS = 2001
"""Means that are tried. Bounds are rounded outwards to them, on a scale of five grades by 0.004."""
_C = 0.5
ORDER = "order of tasks, 1"
"""Names the lot. Another lot for the same tasks would let a user draw until one says what is hoped for."""


class ConfidenceSequence:
    """The sequence for the mean of values in [0, 1]. An interval after each value, each within the one before."""

    def __init__(self, alpha: float = ALPHA, points: int = POINTS) -> None:
        self.n = 0
        self.low, self.high = 0.0, 1.0
        self._alpha = alpha
        self._means = np.linspace(0.0, 1.0, points)
        self._log_up = np.zeros(points)
        self._log_down = np.zeros(points)
        self._sum = self._squares = 0.0
        with np.errstate(divide="ignore"):
            self._most_up, self._most_down = _C / self._means, _C / (1.0 - self._means)

    def add(self, value: float) -> None:
        """Take the next value, from 0 to 1."""
        self.n += 1
        # The bet was fixed before the value: variance and mean are those of the values before, with one value of 1/2 added.
        variance = (0.25 + self._squares) / self.n
        bet = np.sqrt(2 * np.log(2 / self._alpha) / (variance * self.n * np.log(1 + self.n)))
        gain = value - self._means
        self._log_up += np.log1p(np.minimum(bet, self._most_up) * gain)
        self._log_down += np.log1p(-np.minimum(bet, self._most_down) * gain)
        self._sum += value
        self._squares += (value - (0.5 + self._sum) / (self.n + 1)) ** 2
        self._narrow()

    def _narrow(self) -> None:
        """Leave out the means on which a gambler with half his money on each side became 1 / α times as rich."""
        capital = np.log(0.5) + np.maximum(self._log_up, self._log_down)
        kept: npt.NDArray[np.intp] = np.flatnonzero(capital < -np.log(self._alpha))
        if kept.size:  # else the interval is narrower than the distance of the points
            first, last = max(0, int(kept[0]) - 1), min(self._means.size - 1, int(kept[-1]) + 1)
            self.low = max(self.low, float(self._means[first]))
            self.high = min(self.high, float(self._means[last]))


def lot(task_hash: str) -> str:
    """Return the lot of a task: tasks are taken in the order of their lots."""
    return content_hash(ORDER, task_hash)
