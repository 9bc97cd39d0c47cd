"""What is chosen in the plots of one pair: a bar of one side, or a point of the scatter; and the tasks behind it.

A bar is remembered by a length in it, so that it stays the chosen one when the axis changes.
"""

from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from qtui.figures.length_plots import BARS, PlottedPair, SideName
from qtui.format import count

Plot = Literal["histogram", "density", "cumulative", "scatter"]
PLOTS: tuple[Plot, ...] = ("histogram", "density", "cumulative", "scatter")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tasks behind a bar or a point, and the answers that it is made of in words: `Q4_K_M, 30–58 characters`."""

    tasks: tuple[int, ...]
    answers: int
    words: str


class PlotCursor:
    """`plot` is the plot whose bars or points the keys choose; `side` the side whose bars these are."""

    def __init__(self) -> None:
        self.plot: Plot = "histogram"
        self.distribution: Plot = "histogram"
        """The last plot other than the scatter: a wide screen shows it beside the scatter."""
        self.side: SideName = "candidate"
        self._pair: PlottedPair | None = None
        self._names = ("", "")
        self._measure: object = None
        self._task = 0
        self._length = 0
        self._point: tuple[int, int] | None = None

    def follow(self, pair: PlottedPair, names: tuple[str, str], task: int) -> None:
        """Use these lengths. Another pair, measure or task moves to the bar and the point of that task, if it has any."""
        self._names = names
        measure = (names, pair.tasks, pair.part, pair.unit)
        moved = measure != self._measure or task != self._task
        self._pair, self._measure, self._task = pair, measure, task
        points = pair.of_task(task)
        if moved and points and self._point not in points:
            self._point = points[0]
        if moved and points:
            lengths = [_length(point, self.side) for point in points]
            self._length = self._length if self._length in lengths else lengths[0]

    def turn(self, by: int) -> None:
        """Go to the next plot, from the last to the first."""
        self.plot = PLOTS[(PLOTS.index(self.plot) + by) % len(PLOTS)]
        if self.plot != "scatter":
            self.distribution = self.plot

    def other_side(self) -> None:
        self.side = "baseline" if self.side == "candidate" else "candidate"
        if self._pair is not None and self._point is not None and self._point in self._pair.of_task(self._task):
            self._length = _length(self._point, self.side)

    def step(self, by: int) -> int | None:
        """Go to the next bar that has answers, or to the next point by the baseline's length. Return a task to show, if another.

        A task is only returned for a point: a bar has many.
        """
        if self._pair is None:
            return None
        if self.plot == "scatter":
            return self._step_point(self._pair, by)
        filled = _filled(self._pair, self.side)
        bar = self.bar
        if bar is not None:
            bar = filled[min(max(0, filled.index(bar) + by), len(filled) - 1)]
            self._length = next(
                length for length in self._pair.side(self.side).lengths if self._pair.bar_of(length) == bar
            )
        return None

    @property
    def bar(self) -> int | None:
        """The chosen bar: the one of the remembered length, else the nearest that has answers; None if none has."""
        if self._pair is None:
            return None
        found = self._pair.bar_of(self._length)
        wanted = BARS if found is None else found
        return min(_filled(self._pair, self.side), key=lambda bar: (abs(bar - wanted), bar), default=None)

    @property
    def point(self) -> tuple[int, int] | None:
        """The chosen point: (baseline's length, candidate's length); None if there is none."""
        points = self.points()
        return self._point if self._point in points else next(iter(points), None)

    def points(self) -> list[tuple[int, int]]:
        """Return the distinct points in the order in which keys go through them."""
        return sorted(set(self._pair.points())) if self._pair is not None else []

    def chosen(self) -> Chosen | None:
        """Return the tasks behind the chosen bar, point of the cumulative curve, or point of the scatter; None if nothing is."""
        pair, bar, point = self._pair, self.bar, self.point
        if pair is None or (point if self.plot == "scatter" else bar) is None:
            return None
        if self.plot == "scatter" and point is not None:
            words = f"{self._names[0]} {point[0]:,} and {self._names[1]} {count_of(point[1], pair.unit)}"
            return Chosen(pair.tasks_at(*point), pair.points().count(point), words)
        assert bar is not None
        name, side = self._names[self.side == "candidate"], pair.side(self.side)
        least, most = pair.bounds(bar)
        if self.plot == "cumulative":
            answers = list(accumulate(side.bars))[bar]
            return Chosen(pair.tasks_up_to(self.side, bar), answers, f"{name}, up to {count_of(most, pair.unit)}")
        reach = count_of(least, pair.unit) if least == most else f"{least:,}–{most:,} {pair.unit}"
        return Chosen(pair.tasks_in_bar(self.side, bar), side.bars[bar], f"{name}, {reach}")

    def _step_point(self, pair: PlottedPair, by: int) -> int | None:
        points, point = self.points(), self.point
        if point is None:
            return None
        self._point = points[min(max(0, points.index(point) + by), len(points) - 1)]
        tasks = pair.tasks_at(*self._point)
        if self._task in tasks:
            return None
        self._task = tasks[0]
        self._length = _length(self._point, self.side)
        return self._task


def count_of(length: int, unit: str) -> str:
    """`1 character`, `58 characters`."""
    return count(length, unit.removesuffix("s")) if length < 1_000 else f"{length:,} {unit}"


def _filled(pair: PlottedPair, side: SideName) -> list[int]:
    return [bar for bar, answers in enumerate(pair.side(side).bars) if answers]


def _length(point: tuple[int, int], side: SideName) -> int:
    return point[side == "candidate"]
