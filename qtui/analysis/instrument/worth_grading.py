"""On which pairs of answers a person's grade tells most.

The order, over pairs of answers that differ and that no person has graded on both sides:

1. pairs that decide the verdict: it would be another if both answers of the pair were equally good (near the verdict's boundary
   these are the pairs with the largest differences to one side; where the verdict is far from it, none);
2. then by what there is to settle: how far the judges and takes part on the pair's difference, plus the difference itself;
3. then by task and sample. Without any grade this order is all there is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from qtui.analysis.verdict import decide

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gradings:
    """The differences candidate − baseline of one pair of answers, by each judge and take that graded both sides."""

    task: int
    sample: int
    differences: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.differences)) if self.differences else None

    @property
    def parted(self) -> float:
        """Return how far judges and takes part: the largest minus the smallest difference."""
        return max(self.differences) - min(self.differences) if self.differences else 0.0


@dataclass(frozen=True, slots=True)
class Worth:
    """Why a person's grade of this pair of answers tells something. `d` is the mean difference, None without grades."""

    task: int
    sample: int
    decides: bool
    parted: float
    d: float | None


def most_telling_first(pairs: list[Gradings], margin: float) -> list[Worth]:
    """Return the pairs in the order above. Which of them decide the verdict follows from all pairs with grades, in `pairs`."""
    known = [i for i, pair in enumerate(pairs) if pair.mean is not None]
    deciding = set(np.asarray(known)[_decides([pairs[i] for i in known], margin)].tolist()) if known else set()
    worths = [Worth(pair.task, pair.sample, i in deciding, pair.parted, pair.mean) for i, pair in enumerate(pairs)]
    return sorted(worths, key=lambda w: (not w.decides, -(w.parted + abs(w.d or 0.0)), w.task, w.sample))


def _decides(pairs: list[Gradings], margin: float) -> npt.NDArray[np.bool_]:
    """Return for each pair whether the verdict over tasks would be another if its difference were 0."""
    tasks, index, sizes = np.unique([pair.task for pair in pairs], return_inverse=True, return_counts=True)
    d = np.asarray([pair.mean for pair in pairs], dtype=np.float64)
    by_task = np.bincount(index, weights=d) / sizes
    n = tasks.size
    if n < 2:
        return np.zeros(len(pairs), dtype=np.bool_)
    changed = by_task[index] - d / sizes[index]
    total, squares = by_task.sum(), (by_task**2).sum()
    means = (total - by_task[index] + changed) / n
    variances = np.maximum(0.0, (squares - by_task[index] ** 2 + changed**2) / n - means**2) * n / (n - 1)
    half = float(stats.t.ppf(0.95, n - 1)) * np.sqrt(variances / n)
    whole_half = float(stats.t.ppf(0.95, n - 1)) * float(by_task.std(ddof=1)) / n**0.5
    now = decide((float(by_task.mean()) - whole_half, float(by_task.mean()) + whole_half), margin)
    verdicts = [decide((mean - width, mean + width), margin) for mean, width in zip(means, half, strict=True)]
    return np.asarray([verdict != now for verdict in verdicts])
