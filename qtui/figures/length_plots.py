"""The lengths of one pair as its plots show them: bars, density and cumulative share of each side along one axis, and points."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

from qtui.figures.axis import Axis
from qtui.figures.lengths import Part

BARS = 24
"""Bars of a histogram, the same number at every width, so that a bar stays the same when the terminal is resized."""
Unit = Literal["characters", "tokens"]
SideName = Literal["baseline", "candidate"]
SIDES: tuple[SideName, ...] = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class PlottedSide:
    """One variant's lengths, in the order of `PlottedPair.tasks`.

    `bars` counts the answers in each of BARS equal stretches of the axis. `density` and `cumulative` (share of answers that are no
    longer) are sampled at `length_densities.POINTS` equal steps along it. `beyond` counts answers longer than the axis.
    """

    lengths: tuple[int, ...]
    bars: tuple[int, ...]
    density: tuple[float, ...]
    cumulative: tuple[float, ...]
    beyond: int


@dataclass(frozen=True, slots=True)
class PlottedPair:
    """The answers to tasks and samples that both sides answered. A task with several samples is there several times.

    `unknown` counts those that are left out because a side's number of tokens is not stored.
    """

    axis: Axis
    part: Part
    unit: Unit
    tasks: tuple[int, ...]
    baseline: PlottedSide
    candidate: PlottedSide
    unknown: int = 0

    def side(self, name: SideName) -> PlottedSide:
        return self.baseline if name == "baseline" else self.candidate

    def bar_of(self, length: int) -> int | None:
        """Return the index of a length's bar, None beyond the axis."""
        return self.axis.column(length, BARS)

    def bounds(self, bar: int) -> tuple[int, int]:
        """Return the shortest and the longest length of a bar, both included; the longest is less where it has no whole number."""
        return self._first(bar), self._first(bar + 1) - 1

    def tasks_in_bar(self, side: SideName, bar: int) -> tuple[int, ...]:
        """Return the tasks with an answer in this bar, each once, in their order."""
        least, most = self.bounds(bar)
        return self._tasks(i for i, length in enumerate(self.side(side).lengths) if least <= length <= most)

    def tasks_up_to(self, side: SideName, bar: int) -> tuple[int, ...]:
        """Return the tasks with an answer in this bar or a shorter one, each once, in their order."""
        most = self.bounds(bar)[1]
        return self._tasks(i for i, length in enumerate(self.side(side).lengths) if length <= most)

    def tasks_at(self, baseline: int, candidate: int) -> tuple[int, ...]:
        """Return the tasks whose answers have these lengths on the two sides, each once, in their order."""
        return self._tasks(i for i, lengths in enumerate(self.points()) if lengths == (baseline, candidate))

    def points(self) -> list[tuple[int, int]]:
        """Return (baseline's length, candidate's length) of every task and sample."""
        return list(zip(self.baseline.lengths, self.candidate.lengths, strict=True))

    def of_task(self, task: int) -> list[tuple[int, int]]:
        """Return the points of a task, one per sample."""
        return [point for point, other in zip(self.points(), self.tasks, strict=True) if other == task]

    def _first(self, bar: int) -> int:
        """Return the shortest length that is in this bar or a longer one."""
        if bar >= BARS:
            return int(self.axis.end) + 1
        length = max(0, ceil(self.axis.characters(bar / BARS)) - 1)
        # The bar of a length is decided by `Axis.column`; the inverse may be one off at a bar's edge.
        while (self.bar_of(length) or 0) < bar and length <= self.axis.end:
            length += 1
        return length

    def _tasks(self, indices: Iterator[int]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.tasks[i] for i in indices))
