"""Divergence of candidates from their baselines, token by token, as `qtui divergence --json` prints it.

Nothing here is rounded. Shares and changes of probability (Δp) are from 0 to 1; None means too few tokens.
"""

from dataclasses import dataclass

from qtui.figures.pair import PairFigures
from qtui.records import FirstDifference


@dataclass(frozen=True, slots=True)
class Kl:
    """KL divergence in nats. `se` assumes independent tokens, `se_tasks` is clustered by task; None if there are too few."""

    mean: float | None
    se: float | None
    se_tasks: float | None
    median: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class DeltaP:
    """Change of the probability of the answer's tokens, a share of 1: its mean and its root mean square."""

    mean: float | None
    rms: float | None


@dataclass(frozen=True, slots=True)
class Perplexity:
    """`ratio` is candidate over baseline; `ln_ratio_se` is the standard error of its logarithm."""

    baseline: float | None
    candidate: float | None
    ratio: float | None
    ln_ratio: float | None
    ln_ratio_se: float | None


@dataclass(frozen=True, slots=True)
class Divergence:
    """Figures over a set of tokens. `same_top` is the share of tokens where both sides have the same likeliest token."""

    tokens: int
    kl: Kl
    delta_p: DeltaP
    same_top: float | None
    as_answered: float | None
    """The share of the answers' tokens that are the baseline's likeliest: near 1 for greedy answers."""
    perplexity: Perplexity


@dataclass(frozen=True, slots=True)
class SampleDivergence:
    """Where the candidate diverges from one sample of the baseline's answers; `first_difference` is None if it does not."""

    sample: int
    tokens: int
    first_difference: FirstDifference | None


@dataclass(frozen=True, slots=True)
class TaskDivergence:
    """The answers to one task; `task` is 1-based."""

    task: int
    figures: Divergence
    answers: tuple[SampleDivergence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDivergence(PairFigures):
    """A candidate against its baseline; `missing` counts the baseline's answers not measured yet."""

    tasks: int
    figures: Divergence
    missing: int
    notes: tuple[str, ...]
    per_task: tuple[TaskDivergence, ...]
