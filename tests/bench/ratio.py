"""Two ways to do the same, timed in turns: what disturbs the machine disturbs both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True)
class Ratio:
    name: str
    yardstick: str
    ratios: tuple[float, ...]
    """Seconds of the yardstick over seconds of qtui, round by round: above 1 is faster."""
    seconds: float
    yardstick_seconds: float

    def __str__(self) -> str:
        middle = statistics.median(self.ratios)
        spread = f"{min(self.ratios):.2f}–{max(self.ratios):.2f}"
        return (
            f"{self.name:<44} {middle:6.2f} × ({spread})  {self.seconds:8.3f} s"
            f" against {self.yardstick_seconds:.3f} s: {self.yardstick}"
        )


def measure(
    name: str, ours: Callable[[], object], yardstick: str, theirs: Callable[[], object], rounds: int = ROUNDS
) -> Ratio:
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    return Ratio(
        name,
        yardstick,
        tuple(theirs_took / ours_took for ours_took, theirs_took in pairs),
        statistics.median(took for took, _ in pairs),
        statistics.median(took for _, took in pairs),
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
