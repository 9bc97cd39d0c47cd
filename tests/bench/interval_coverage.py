"""How often 90 % intervals hold the true value, by simulation: `.venv/bin/python -m tests.bench.interval_coverage`.

*Clustered differences* (`qtui.analysis.scores.paired`): grades of 1 to 5 from a latent quality, of which the turns of a
conversation share a part on each side, so that their differences are correlated within a unit; sizes of units may differ.
*Recovery*: of accuracies (`paired_proportions.ratio_interval`) and of other scores (`recovery.fieller`), over sizes, levels of
difficulty and true losses.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from qtui.analysis import scores
from qtui.analysis.scorers import paired_proportions, recovery
from qtui.analysis.scorers.paired_proportions import PairedCounts

Floats = npt.NDArray[np.float64]
LEVEL = 0.90
TRUTH_UNITS = 200_000
LOSSES = (0.0, 0.1, 0.5)


def grades(rng: np.random.Generator, sizes: npt.NDArray[np.intp], loss: float, shared: float) -> tuple[Floats, Floats]:
    """Return the baseline's and the candidate's grades of all turns, for units of these sizes."""
    units = np.repeat(np.arange(sizes.size), sizes)
    difficulty = rng.normal(3.4, 0.9, sizes.size)[units]
    sides = []
    for shift in (0.0, -loss):
        of_unit = rng.normal(0, np.sqrt(shared), sizes.size)[units]
        of_turn = rng.normal(0, np.sqrt(1 - shared), units.size)
        sides.append(np.clip(np.rint(difficulty + shift + 0.8 * (of_unit + of_turn)), 1, 5))
    return sides[0], sides[1]


def sizes_of(rng: np.random.Generator, units: int, shape: str) -> npt.NDArray[np.intp]:
    """Return the sizes of units: all 2, all 5, or 1 to 8, most of them small."""
    if shape == "1 to 8":
        return rng.choice([1, 1, 1, 2, 3, 8], units).astype(np.intp)
    return np.full(units, int(shape), dtype=np.intp)


def clustered(shape: str, units: int, shared: float, loss: float, *, runs: int, rng: np.random.Generator) -> float:
    """Return how often the interval of the difference in grades holds the true one."""
    sizes = sizes_of(rng, TRUTH_UNITS, shape)
    baseline, candidate = grades(rng, sizes, loss, shared)
    truth, held = float((candidate - baseline).mean()), 0
    for _ in range(runs):
        sizes = sizes_of(rng, units, shape)
        baseline, candidate = grades(rng, sizes, loss, shared)
        of_turn = np.repeat(np.arange(sizes.size), sizes).tolist()
        low, high = scores.paired(baseline, candidate, units=of_turn).interval90 or (0.0, 0.0)
        held += low <= truth <= high
    return held / runs


def of_accuracies(n: int, right: float, loss: float, runs: int, rng: np.random.Generator) -> float:
    """Return how often the interval of a recovery of accuracies holds the true one, where 3 % are gained besides."""
    gained = 0.03 * right
    lost = loss * right + gained
    rates = [right - lost, lost, gained, 1 - right - gained]
    truth, held = (right - lost + gained) / right, 0
    for _ in range(runs):
        counts = PairedCounts(*map(int, rng.multinomial(n, rates)))
        interval = paired_proportions.ratio_interval(counts, LEVEL)
        # Without a right answer of the baseline there is no interval, and nothing wrong is said.
        held += interval is None or interval[0] <= truth <= interval[1]
    return held / runs


def of_scores(n: int, mean: float, loss: float, runs: int, rng: np.random.Generator) -> float:
    """Return how often Fieller's interval holds the true recovery of scores from 0 to 1 whose losses vary."""
    held = 0
    for _ in range(runs):
        baseline = rng.beta(4 * mean, 4 * (1 - mean), n)
        candidate = (
            baseline * rng.beta(20 * (1 - loss) + 1e-9, 20 * loss + 1e-9, n)
            if loss
            else baseline + rng.normal(0, 0.05, n)
        )
        interval = recovery.fieller(baseline, candidate, LEVEL)
        held += interval is None or interval[0] <= 1 - loss <= interval[1]
    return held / runs


def rows(runs: int, seed: int) -> Iterator[tuple[str, float]]:
    """Yield what is simulated, and the coverage."""
    rng = np.random.default_rng(seed)
    for shape in ("2", "5", "1 to 8"):
        for units in (20, 40, 160):
            for shared in (0.3, 0.8):
                found = [clustered(shape, units, shared, loss, runs=runs, rng=rng) for loss in LOSSES]
                yield f"difference, {units} units of {shape}, shared {shared:g}", sum(found) / len(found)
    for n in (30, 100, 400):
        for right in (0.2, 0.5, 0.9):
            found = [of_accuracies(n, right, loss, runs, rng) for loss in LOSSES]
            yield f"recovery of accuracies, {n} tasks, {right:.0%} right", sum(found) / len(found)
        for mean in (0.3, 0.7):
            found = [of_scores(n, mean, loss, runs, rng) for loss in LOSSES]
            yield f"recovery of scores, {n} tasks, mean {mean:g}", sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name, found in rows(given.runs, given.seed):
        print(f"{found:.3f}  {name}", flush=True)


if __name__ == "__main__":
    main()
