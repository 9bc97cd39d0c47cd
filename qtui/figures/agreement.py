"""Agreement of judges, takes and people, as `qtui agreement --json` prints it."""

from dataclasses import dataclass
from typing import Annotated, Any

from qtui.figures.json_form import to_json
from qtui.figures.pair import Interval
from qtui.figures.rounding import Decimals, decimals

PLACES = 3
Figure = Annotated[float | None, Decimals(PLACES)]


@dataclass(frozen=True, slots=True)
class Retest:
    """Agreement of a judge with itself: gradings (answers, takes) of one variant. Coefficients are None if all grades are equal.

    Per pair of takes, in the order (1, 2), (1, 3), (2, 3), …: `sd_diff_takes`, `mean_diffs` (later − earlier), `p` (paired t test).
    """

    n: int
    left_out: int
    """Number of answers without a grade in some take."""
    take_means: tuple[float | None, ...]
    mean: float | None
    sd_grades: float | None
    sd_task: float | None
    """Standard deviation of the true grade over answers (variance component)."""
    sd_within: float | None
    """Standard deviation of one grade around its answer's: the judge's noise."""
    mean_task_sd: float | None
    icc1: float | None
    icc1_ci: tuple[float, float] | None
    icc2: float | None
    icc1k: float | None
    """Reliability of the mean of all takes."""
    alpha_interval: float | None
    alpha_ordinal: float | None
    alpha_nominal: float | None
    exact: float | None
    """Share of answers that got the same grade in all takes; `exact_pair`: share of pairs of grades."""
    exact_pair: float | None
    within1: float | None
    range_ge2: int
    sd_diff_takes: tuple[float | None, ...]
    mean_diffs: tuple[float, ...]
    p: tuple[float | None, ...]
    hist: tuple[int, ...]
    """Numbers of each grade from `lowest` on."""
    lowest: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return JSON with three decimals, like the reference figures; the key of `exact` has the number of takes: `exact3`."""
        single = (
            "mean", "sd_grades", "sd_task", "sd_within", "mean_task_sd", "icc1", "icc2", "icc1k", "alpha_interval",
            "alpha_ordinal", "alpha_nominal", "exact_pair", "within1",
        )  # fmt: skip
        several = ("take_means", "sd_diff_takes", "mean_diffs", "p")
        return (
            {"n": self.n, "left_out": self.left_out, "takes": len(self.take_means)}
            | {f"exact{len(self.take_means)}": decimals(self.exact, PLACES)}
            | {name: decimals(getattr(self, name), PLACES) for name in single}
            | {name: [decimals(value, PLACES) for value in getattr(self, name)] for name in several}
            | {
                "icc1_ci": None if self.icc1_ci is None else [decimals(bound, PLACES) for bound in self.icc1_ci],
                "range_ge2": self.range_ge2,
                "hist": {str(grade): count for grade, count in enumerate(self.hist, start=self.lowest)},
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRetest:
    """The retest of one variant of a run by one judge. `name` is the model and the variant."""

    run_id: int
    experiment: str
    model: str
    variant: str
    judge: str
    figures: Retest

    @property
    def name(self) -> str:
        return f"{self.model} {self.variant}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % bootstrap interval over tasks; None if it cannot be computed."""

    value: Figure
    interval95: Annotated[Interval | None, Decimals(PLACES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedTask:
    """A task on which two graders part: the mean absolute difference over its answers, and the answer on which they part most."""

    task: int
    answers: int
    distance: Figure
    model: str
    variant: str
    sample: int
    grade_a: Figure
    """Mean over takes of that answer; of one judge against itself the lowest grade."""
    grade_b: Figure
    """The same; of one judge against itself the highest grade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderPair:
    """Two graders of one run, or the takes of one judge (`a` is `b`), over all answers that both graded.

    Every take of one is held against every take of the other. `kappa` is Cohen's with quadratic weights, `alpha` Krippendorff's for
    ordered grades (ordinal distance), `mean_difference` b − a. `confusion` counts pairs of grades: rows are the `grades` of a,
    columns those of b.
    """

    run_id: int
    experiment: str
    a: str
    b: str
    takes_a: int
    takes_b: int
    answers: int
    tasks: int
    """Number of independent units: tasks, or conversations."""
    exact: Estimate
    within_one: Estimate
    kappa: Estimate
    alpha: Estimate
    alpha_distance: str = "ordinal"
    mean_difference: Estimate
    grades: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]
    parted: tuple[PartedTask, ...]
    """The tasks on which they part most, at most ten."""

    @property
    def is_retest(self) -> bool:
        return self.a == self.b


@dataclass(frozen=True, slots=True)
class AgreementTable:
    """Judges with themselves by variant, graders with each other by run, and notes for the reader."""

    retests: tuple[JudgeRetest, ...]
    pairs: tuple[GraderPair, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the table as JSON values. Round it first with `rounding.rounded`."""
        retests = [
            {"name": each.name, "run": each.run_id, "experiment": each.experiment, "model": each.model,
             "variant": each.variant, "judge": each.judge} | each.figures.to_json()
            for each in self.retests
        ]  # fmt: skip
        return {"retests": retests, "pairs": to_json(self.pairs), "notes": list(self.notes)}
