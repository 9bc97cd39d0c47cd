"""Length distributions along an axis of the screen, for violins, histograms and scatter plots."""

from dataclasses import dataclass

from qtui.figures.axis import Axis
from qtui.figures.lengths import Part

POINTS = 257
"""Samples of a density along its axis."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Stripped lengths of one variant's answers. `density` is sampled at POINTS equal steps along the axis.

    `quartiles` are (lower quartile, median, upper quartile), None without answers; `beyond` counts answers longer than the axis.
    """

    run_id: int
    model: str
    variant: str
    is_baseline: bool
    n: int
    quartiles: tuple[float, float, float] | None
    density: tuple[float, ...]
    beyond: int


@dataclass(frozen=True, slots=True)
class Distributions:
    """All variants in scope on one axis; `longest` is the longest of all answers (or thoughts), in characters."""

    axis: Axis
    longest: int
    variants: tuple[Distribution, ...]
    part: Part = "answer"

    def variant(self, run_id: int, model: str, name: str) -> Distribution | None:
        """Return the distribution of one variant, None if it has no answers."""
        return next((d for d in self.variants if (d.run_id, d.model, d.variant) == (run_id, model, name)), None)


@dataclass(frozen=True, slots=True)
class LengthsByTask:
    """Stripped lengths of the answers to tasks and samples that both sides answered, in their order."""

    tasks: tuple[int, ...]
    baseline: tuple[int, ...]
    candidate: tuple[int, ...]
