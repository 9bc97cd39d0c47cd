"""One row of the table of scores: a pair under a judge, with its verdict, and the same as JSON."""

from dataclasses import dataclass
from typing import Any

from qtui.analysis import yardsticks
from qtui.analysis.behaviour import Behaviour
from qtui.analysis.causes import Cause
from qtui.analysis.grades import GRADES
from qtui.analysis.rounding import decimals, interval, significant
from qtui.analysis.scores import LengthCovariate, PairedScores
from qtui.analysis.verdict import Guard, VerdictName
from qtui.analysis.yardsticks import Measured


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One pair under one judge. `judge` is None and `scores.n` 0 where nobody graded both sides.

    `verdict` is what the row earns after the guards, `rule` what the interval alone would earn. `without_empty` are the
    scores over the tasks in which neither side is empty, where there are others. `claim_p_holm` is the p value of the rule's
    claim, adjusted over the `comparisons` rows of the same experiment and judge; a guarded row claims nothing.
    """

    experiment: Any
    model: str
    baseline: str
    candidate: str
    judge: str | None
    answered: int
    ungraded: int
    takes: int
    scores: PairedScores
    without_empty: PairedScores | None
    histogram_baseline: tuple[int, ...]
    histogram_candidate: tuple[int, ...]
    noise_flips: float | None
    length_covariate: LengthCovariate | None
    causes: tuple[Cause, ...]
    verdict: VerdictName
    verdict_text: str
    rule: VerdictName | None
    claim_p: float | None
    claim_p_holm: float | None
    comparisons: int
    behaviour: Behaviour
    guards: tuple[Guard, ...]
    notes: tuple[str, ...]
    margin: float
    role: str
    """Of `records.Role`: only a candidate's difference is about quantization."""
    pairs: int
    differing: int
    """Answers that both sides gave, and those of them that are not the same text."""
    yardsticks: tuple[Measured, ...] = ()
    """Of the same model and judge, what this row is to be held against."""

    @property
    def measured(self) -> Measured:
        return Measured(self.role, self.candidate, self.pairs, self.differing, self.scores.difference)

    def to_json(self) -> dict[str, Any]:
        """Numbers to six decimals (p values to six digits); what could not be computed is null, counts of nothing too."""
        s = self.scores
        graded = s.n > 0

        def count(value: int) -> int | None:
            return value if graded else None

        return {
            "experiment": self.experiment,
            "model": self.model,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "judge": self.judge,
            "n": s.n,
            "takes": self.takes,
            "baseline_mean": decimals(s.baseline_mean, 6),
            "candidate_mean": decimals(s.candidate_mean, 6),
            "difference": decimals(s.difference, 6),
            "sd": decimals(s.sd, 6),
            "interval90": interval(s.interval90, 6),
            "interval95": interval(s.interval95, 6),
            "wins": count(s.wins),
            "ties": count(s.ties),
            "losses": count(s.losses),
            "flips_down": count(s.flips_down),
            "flips_up": count(s.flips_up),
            "verdict": self.verdict,
            "verdict_text": self.verdict_text,
            "behaviour": self.behaviour.name,
            "behaviour_reasons": list(self.behaviour.reasons),
            "guards": [str(guard) for guard in self.guards],
            "mde80": decimals(s.mde80, 6),
            "notes": list(self.notes),
            "answered": self.answered,
            "ungraded": self.ungraded,
            "big_down": count(s.big_down),
            "big_up": count(s.big_up),
            "noise_flips": decimals(self.noise_flips, 6),
            "p": significant(s.p, 6),
            "rule": self.rule,
            "claim_p": significant(self.claim_p, 6),
            "claim_p_holm": significant(self.claim_p_holm, 6),
            "comparisons": self.comparisons,
            "behaviour_p_holm": significant(self.behaviour.p, 6),
            "tasks_needed": s.tasks_needed,
            "histogram_baseline": _histogram_json(self.histogram_baseline),
            "histogram_candidate": _histogram_json(self.histogram_candidate),
            "length_covariate": _covariate_json(self.length_covariate),
            "causes": [
                {
                    "kind": c.kind,
                    "baseline": c.baseline,
                    "candidate": c.candidate,
                    "contribution": decimals(c.contribution, 6),
                }
                for c in self.causes
            ],
            "without_empty": _without_json(self.without_empty),
            "margin": self.margin,
            "role": self.role,
            "differing": self.differing,
            "yardsticks": [each.to_json() for each in self.yardsticks],
            "beside": list(yardsticks.sentences(self.measured, self.yardsticks)),
        }


def _histogram_json(counts: tuple[int, ...]) -> dict[str, int]:
    return {str(grade): count for grade, count in zip(GRADES, counts, strict=True)}


def _without_json(result: PairedScores | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {"n": result.n, "difference": decimals(result.difference, 6), "interval90": interval(result.interval90, 6)}


def _covariate_json(fit: LengthCovariate | None) -> dict[str, Any] | None:
    if fit is None:
        return None
    return {
        "n": fit.n,
        "delta": decimals(fit.delta, 6),
        "delta_interval95": interval(fit.delta_interval95, 6),
        "beta": decimals(fit.beta, 6),
        "beta_interval95": interval(fit.beta_interval95, 6),
        "beta_p": significant(fit.beta_p, 6),
    }
