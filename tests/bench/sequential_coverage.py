"""How often the sequence of `--until decided` is wrong at any look, how often a pair is decided, and how many tasks it saves.

`python -m tests.bench.sequential_coverage [runs] [tasks]`. Differences are drawn from made-up judges of 1–5 with one take.
"""

import sys

import numpy as np

from qtui.analysis.sequential import ALPHA, ConfidenceSequence
from qtui.analysis.verdict import FEWEST_TASKS, decide
from qtui.results.sequences import DECIDED

MARGIN, SPAN = 0.2, 4
KINDS = {
    "all equal": {0: 1.0},
    "1 of 5 differs by 1, no loss": {-1: 0.1, 0: 0.8, 1: 0.1},
    "half differ by 1, no loss": {-1: 0.25, 0: 0.5, 1: 0.25},
    "loss at the margin (0.2)": {-1: 0.35, 0: 0.5, 1: 0.15},
    "gain at the margin (0.2)": {-1: 0.15, 0: 0.5, 1: 0.35},
    "rare large losses (0.2)": {-4: 0.05, 0: 0.95},
    "loss of 0.5": {-2: 0.15, -1: 0.35, 0: 0.35, 1: 0.15},
    "loss of 1": {-3: 0.1, -2: 0.25, -1: 0.3, 0: 0.25, 1: 0.1},
    "ends of the scale, no loss": {-4: 0.5, 4: 0.5},
}


def one(draw: np.random.Generator, shares: dict[int, float], tasks: int) -> tuple[bool, str, int]:
    """Whether the true mean was ever left out, the verdict (empty: none was reached), and the tasks until then."""
    mean = sum(value * share for value, share in shares.items())
    sequence = ConfidenceSequence(points=801)
    decided, after = "", tasks
    for value in draw.choice(list(shares), tasks, p=list(shares.values())):
        sequence.add((float(value) + SPAN) / (2 * SPAN))
        interval = 2 * SPAN * sequence.low - SPAN, 2 * SPAN * sequence.high - SPAN
        if not decided and sequence.n >= FEWEST_TASKS and (found := decide(interval, MARGIN)) in DECIDED:
            decided, after = found, sequence.n
    return not sequence.low <= (mean + SPAN) / (2 * SPAN) <= sequence.high, decided, after


def main(runs: int = 1000, tasks: int = 500) -> None:
    draw = np.random.default_rng(1)
    print(f"{runs} runs of {tasks} tasks each; α = {ALPHA}, margin ±{MARGIN}")
    for name, shares in KINDS.items():
        found = [one(draw, shares, tasks) for _ in range(runs)]
        missed = np.mean([miss for miss, _, _ in found])
        verdicts = {verdict or "not decided": 0 for _, verdict, _ in found}
        for _, verdict, _ in found:
            verdicts[verdict or "not decided"] += 1
        used = np.mean([after for *_, after in found])
        counted = ", ".join(f"{verdict} {count / runs:.1%}" for verdict, count in sorted(verdicts.items()))
        print(f"{name}: missed {missed:.1%}; {counted}; {used:.0f} tasks on average, {1 - used / tasks:.0%} saved")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
