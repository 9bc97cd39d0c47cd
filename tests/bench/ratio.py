"""Ways to do the same, timed in turns: what disturbs the machine disturbs all."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

ROUNDS = int(os.environ.get("QTUI_BENCH_ROUNDS", "3"))


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


def measure(name: str, ours: Callable[[], object], yardstick: str, theirs: Callable[[], object]) -> Ratio:
    return next(measure_all(name, ours, {yardstick: theirs}))


def measure_all(
    name: str, ours: Callable[[], object], yardsticks: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> Iterator[Ratio]:
    """Each round is ours and then every yardstick, so that ours is timed once for all of them."""
    took = [(_seconds(ours), [_seconds(theirs) for theirs in yardsticks.values()]) for _ in range(rounds)]
    for place, yardstick in enumerate(yardsticks):
        yield Ratio(
            name,
            yardstick,
            tuple(theirs[place] / mine for mine, theirs in took),
            statistics.median(mine for mine, _ in took),
            statistics.median(theirs[place] for _, theirs in took),
        )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    took = work()
    return took if isinstance(took, float) else time.perf_counter() - began
