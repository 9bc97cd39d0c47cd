"""How often the interval of a win rate covers the true one, by simulation: `.venv/bin/python -m tests.bench.win_rate_coverage`.

A task has a latent quality of the candidate against the baseline, and turns of a conversation share a part of it. A judge replies
in both orders, adds a preference for the first place and noise of its own, and calls small differences a tie. The true win rate
is the mean of the outcome over 400,000 tasks of the same world.
"""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.pairing import Pair, Variant
from qtui.analysis.preferences.outcomes import Comparisons
from qtui.analysis.preferences.win_rate import win_rate

Floats = npt.NDArray[np.float64]
TRUTH_TASKS = 400_000
SIDE = Variant(1, "m", "v", is_baseline=False, role="candidate", answers=pd.DataFrame())


@dataclass(frozen=True)
class World:
    quality: float
    """Mean latent quality of the candidate, in standard deviations of a task's."""
    bias: float
    """What the first place is worth."""
    tie: float
    """Differences up to this are a tie."""
    equal: float
    """Share of tasks with equal answers."""


WORLDS = (
    World(0.0, 0.0, 0.2, 0.0),
    World(0.0, 0.6, 0.2, 0.5),
    World(-0.3, 0.3, 0.3, 0.3),
    World(0.0, 0.0, 0.2, 0.93),
    World(1.5, 0.2, 0.1, 0.0),
)
SHAPES = {"single": (1, 1), "takes": (3, 1), "conversations": (1, 2)}
"""Takes and turns of a unit."""


def outcomes(world: World, rng: np.random.Generator, units: int, takes: int, turns: int) -> Floats:
    """Return outcomes, shape (units, turns, takes)."""
    shared = rng.normal(world.quality, 0.8, (units, 1, 1))
    quality = shared + rng.normal(0, 0.6, (units, turns, 1))
    is_equal = rng.random((units, turns, 1)) < world.equal
    orders = []
    for sign in (1, -1):  # the candidate first, the baseline first
        seen = quality + sign * world.bias + rng.normal(0, 0.5, (units, turns, takes))
        orders.append(np.where(np.abs(seen) <= world.tie, 0.5, np.where(seen > 0, 1.0, 0.0)))
    frame = pd.DataFrame({"candidate_first": orders[0].ravel(), "baseline_first": orders[1].ravel(), "is_asked": True})
    found = Comparisons(frame, 0).outcome.reshape(units, turns, takes)
    return np.asarray(np.where(is_equal, 0.5, found), dtype=np.float64)


def covers(world: World, rng: np.random.Generator, tasks: int, shape: str, true: float) -> bool:
    takes, turns = SHAPES[shape]
    units = tasks // turns
    wins = outcomes(world, rng, units, takes, turns).mean(axis=2).ravel()
    number = np.arange(units * turns)
    answers = pd.DataFrame(
        {"task": number, "sample": 0, "unit": number - number % turns, "win_b": 1 - wins, "win_c": wins}
    )
    interval = win_rate(Pair(SIDE, SIDE, answers), 0.05).interval(0.95)
    return interval is not None and interval[0] <= true <= interval[1]


def coverage(shape: str, *, tasks: int, experiments: int, seed: int) -> float:
    """Return the share of 95 % intervals that cover the truth, over all worlds."""
    return float(np.mean([_coverage(world, shape, tasks, experiments // len(WORLDS), seed) for world in WORLDS]))


def _coverage(world: World, shape: str, tasks: int, experiments: int, seed: int) -> float:
    rng = np.random.default_rng([seed, WORLDS.index(world), list(SHAPES).index(shape), tasks])
    true = float(outcomes(world, rng, TRUTH_TASKS // SHAPES[shape][0], *SHAPES[shape]).mean())
    return float(np.mean([covers(world, rng, tasks, shape, true) for _ in range(experiments)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options: Any = parser.parse_args()
    print(f"coverage of 95 % intervals, {options.experiments} experiments per cell")
    for shape in SHAPES:
        for tasks in (20, 50, 100, 400):
            cells = [_coverage(world, shape, tasks, options.experiments, options.seed) for world in WORLDS]
            print(f"{shape:<14}{tasks:>4} tasks  " + "  ".join(f"{each:.3f}" for each in cells), flush=True)


if __name__ == "__main__":
    main()
