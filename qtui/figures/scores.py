"""Scores of candidates against their baselines: a row per pair and judge, as `qtui scores --json` prints it.

Scores are grades on the judge's scale; a difference is candidate − baseline. A figure that could not be computed is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from qtui.figures.lengths import FlagChange
from qtui.figures.pair import Interval, PairFigures
from qtui.figures.rounding import Decimals, Significant

MARGIN = 0.2
"""The default margin Δ in grades of 1–5: the largest loss that is accepted, fixed before grading."""

Bounds = tuple[int, int]
"""The lowest and the highest number of a scale."""
FIVE_POINTS: Bounds = (1, 5)


def stretch(scale: Bounds) -> float:
    """Return how many grades of a scale are as large a part of it as one grade is of 1–5."""
    return (scale[1] - scale[0]) / (FIVE_POINTS[1] - FIVE_POINTS[0])


def margin_on(margin: float, scale: Bounds) -> float:
    """Return a margin, stated in grades of 1–5, in grades of a scale: the same part of it."""
    return margin * stretch(scale)


def pass_grade(scale: Bounds) -> float:
    """Return the middle of a scale, 3 of 1–5: a flip is a task whose grade crosses it."""
    return (scale[0] + scale[1]) / 2


Score = Annotated[float | None, Decimals(6)]
ScoreInterval = Annotated[Interval | None, Decimals(6)]
PValue = Annotated[float | None, Significant(6)]


@dataclass(frozen=True, slots=True)
class LengthCovariate:
    """d = δ + β·ln(length of candidate / length of baseline): `delta` is the difference at equal length."""

    n: int
    delta: Annotated[float, Decimals(6)]
    delta_interval95: Annotated[Interval, Decimals(6)]
    beta: Annotated[float, Decimals(6)]
    beta_interval95: Annotated[Interval, Decimals(6)]
    beta_p: Annotated[float, Significant(6)]


@dataclass(frozen=True, slots=True)
class ScoreCause:
    """A kind of answer and its contribution to the difference in grades; the contributions of a row add up to the difference.

    `baseline` and `candidate` count pairs in which only that side's answer is of the kind; for `much shorter` and `the rest` all
    pairs are counted as the candidate's.
    """

    kind: str
    baseline: int
    candidate: int
    contribution: Annotated[float, Decimals(6)]


@dataclass(frozen=True, slots=True)
class ScoresWithoutEmpty:
    """Scores over the `n` tasks in which neither side is empty."""

    n: int
    difference: Score
    interval90: ScoreInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSpread:
    """How much the answers of one variant differ by themselves, over `tasks` tasks with up to `samples` samples, in grades.

    `within` is the mean absolute difference between two samples of the baseline, `across` that between a sample of the baseline and
    one of the candidate; `excess` is across − within. `answer` says whether the variants differ more than the baseline varies by
    itself: `yes`, `not shown`, `less` or `unknown`. Standard deviations are those of samples around the mean of their task.
    """

    samples: int
    tasks: int
    sd_baseline: Score
    sd_candidate: Score
    within: Score
    within_candidate: Score
    across: Score
    excess: Score
    excess_interval90: ScoreInterval
    answer: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Which true loss this pair could have shown, in grades, and the error of the judge behind it.

    `shown` is called lower 4 times of 5. `judge_noise` is the standard deviation of one grade around its answer's, `noise_share`
    its share of the variance of the difference; both, and `shown_without_noise`, are None where no answer has two takes.
    """

    shown: Score
    judge_noise: Score
    noise_share: Score
    shown_without_noise: Score
    always_decides: bool
    """Whether no result of this size is inconclusive at the margin."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedEarly:
    """What holds of a pair whose judging stopped before every task was graded, however early that was.

    `interval` is that of the confidence sequence `bound` for the mean difference, at `level`, over the first `n` differences of
    `units` tasks (or conversations) in random order. The other intervals and p values of the row are those of a number of tasks
    that was fixed before, and are not valid here.
    """

    bound: str
    level: float
    n: int
    units: int
    interval: ScoreInterval
    sentence: str


@dataclass(frozen=True, slots=True)
class PairMeasurement:
    """A pair's number of answers on both sides, how many of them differ when stripped, and the mean difference in grades."""

    role: str
    candidate: str
    answers: int
    differing: int
    difference: Score = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow(PairFigures):
    """A pair under one judge. `judge` is None, `n` 0 and every score None if no judge graded both sides.

    `verdict` takes the guards into account, `rule` is the verdict from the interval alone: each one of equivalent, higher,
    not_worse, worse, lower, inconclusive, guarded, ungraded. `claim_p_holm` is the p value of the rule's claim, adjusted over the
    `comparisons` rows of the same run and judge; a guarded row claims nothing. `behaviour` is `changed`, `no change found`
    or None if there are no answers to compare; it and its figures are those of `PairLengths`.
    """

    judge: str | None
    n: int
    takes: int
    baseline_mean: Score
    candidate_mean: Score
    difference: Score
    sd: Score
    interval90: ScoreInterval
    interval95: ScoreInterval
    wins: int | None
    ties: int | None
    losses: int | None
    flips_down: int | None
    flips_up: int | None
    verdict: str
    verdict_text: str
    behaviour: str | None
    behaviour_reasons: tuple[str, ...]
    guards: tuple[str, ...]
    mde80: Score
    notes: tuple[str, ...]
    answered: int
    ungraded: int
    big_down: int | None
    big_up: int | None
    noise_flips: Score
    p: PValue = None
    rule: str | None
    claim_p: PValue = None
    claim_p_holm: PValue
    comparisons: int
    behaviour_p_holm: PValue = None
    tasks_needed: int | None
    histogram_baseline: Mapping[str, int]
    """How many grades of each number of the scale there are."""
    histogram_candidate: Mapping[str, int]
    length_covariate: LengthCovariate | None = None
    causes: tuple[ScoreCause, ...]
    without_empty: ScoresWithoutEmpty | None = None
    """None if no task has an empty answer."""
    margin: float = MARGIN
    """In grades of the judge's scale."""
    role: str = "candidate"
    """One of `records.Role`: only a candidate's difference is about quantization."""
    differing: int = 0
    """Number of answers that differ from the baseline's."""
    yardsticks: tuple[PairMeasurement, ...] = ()
    """Control arm and noise floor of the same model and judge, where this row is compared with them."""
    beside: tuple[str, ...] = ()
    """How the differing answers and the difference compare with the yardsticks, in sentences."""
    behaviour_p: PValue = None
    behaviour_comparisons: int = 0
    behaviour_flags: Mapping[str, FlagChange] = field(default_factory=dict)
    scale: Bounds = FIVE_POINTS
    """The lowest and the highest grade that the judge gives."""
    units: int = 0
    """Number of independent units: tasks, or conversations, whose turns count as one."""
    sample_spread: SampleSpread | None = None
    """None without several graded samples."""
    resolution: Resolution | None = None
    """None without a spread of differences."""
    stopped_early: StoppedEarly | None = None
    """None if every task was asked, or if judging was not to stop when the verdict is reached."""

    @property
    def pass_grade(self) -> float:
        return pass_grade(self.scale)

    @property
    def scale_name(self) -> str:
        return f"{self.scale[0]}–{self.scale[1]}"

    @property
    def big(self) -> float:
        """The smallest difference in one task that is big."""
        return 2 * stretch(self.scale)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """All rows, and notes for the reader."""

    pairs: tuple[ScoreRow, ...]
    margin: float
    """In grades of 1–5; `ScoreRow.margin` has it on the scale of each judge."""
    notes: tuple[str, ...]
