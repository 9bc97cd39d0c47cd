"""What every figure of a pair begins with: which candidate is compared with which baseline, and where."""

from dataclasses import dataclass

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """`run_id` and `experiment` say which run, `baseline` and `candidate` are names of variants of `model`."""

    run_id: int
    experiment: str
    model: str
    baseline: str
    candidate: str
