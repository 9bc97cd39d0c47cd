"""Scores published by the 2024 study, to be shown beside the user's figures."""

from dataclasses import dataclass

from qtui.figures.pair import Interval

BASELINE, CANDIDATE = "FP16", "Q4_K_M"
"""The only variants that the study has figures of."""
SOURCE = "2024 study, GPT-4"


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """One model of the study: mean grades of 100 tasks, None if a variant was not graded.

    `difference` is candidate − baseline; `interval90` is its unpaired interval, as no grades of single tasks were published.
    """

    model: str
    family: str
    baseline_mean: float | None
    candidate_mean: float | None
    difference: float | None
    interval90: Interval | None
