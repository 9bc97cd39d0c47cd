"""The common fields of figures of a pair: candidate, baseline, model and run."""

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
