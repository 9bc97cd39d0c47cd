"""What an experiment will be able to show, before it is run."""

from dataclasses import dataclass
from typing import Annotated

from qtui.figures.rounding import Decimals

Grades = Annotated[float | None, Decimals(3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResolution:
    """Which loss the grades of one judge will show, in grades.

    `shown` is the true loss that will be called lower 4 times of 5; None with fewer than two independent tasks. It follows from
    `sd`, the standard deviation of one task's difference with these takes and samples: measured in `pairs` pairs of `runs`, or
    assumed, if `runs` is empty.
    """

    judge: str
    tasks: int
    units: int
    """Number of independent units: tasks, or conversations."""
    takes: int
    samples: int
    margin: float
    sd: Grades
    judge_noise: Grades
    """Standard deviation of one grade around its answer's; None if unknown."""
    shown: Grades
    always_decides: bool
    """Whether no result of this size is inconclusive at the margin."""
    pairs: int
    runs: tuple[int, ...]
    same_tasks: bool
    """Whether these runs had the same tasks."""
    sentence: str
