"""From the frame of all grades to one grade per answer and judge.

Graded takes are averaged; an ungraded take is never a low grade. Of several rows for the same take the last one is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.pairing import Pair
from qtui.figures.scores import FIVE_POINTS, Bounds

Floats = npt.NDArray[np.float64]
VariantKey = tuple[Any, str, str]

GRADES = (1, 2, 3, 4, 5)
_KEYS = ["experiment", "model", "variant", "judge"]


@dataclass(frozen=True, slots=True, eq=False)
class VariantGrades:
    """The grades of one variant by one judge. `by_take` is indexed by (task, sample), one float column per take, NaN = ungraded."""

    judge: str
    by_take: pd.DataFrame
    settings: tuple[str, ...]
    """The judge's settings, if the frame has them; more than one means that they changed between gradings."""
    scales: tuple[Bounds, ...] = (FIVE_POINTS,)
    """The scales of its grades; more than one means that they cannot be averaged."""
    left_out: tuple[str, ...] = ()
    """What the judge's endpoint refused (names with commas, empty for nothing), each once. Of some grades it is not known."""

    @property
    def takes(self) -> int:
        """Return the number of takes that have a grade."""
        return int(self.by_take.notna().any().sum())

    def takes_of(self, answers: pd.DataFrame) -> Floats:
        """Return the grades of each row of `answers` (columns task, sample), shape (answers, takes), NaN if ungraded."""
        keys = pd.MultiIndex.from_arrays([answers["task"], answers["sample"]])
        if self.by_take.index.equals(keys):
            return self.by_take.to_numpy(dtype=np.float64)
        return self.by_take.reindex(keys).to_numpy(dtype=np.float64)


def by_variant(grades: pd.DataFrame) -> dict[VariantKey, dict[str, VariantGrades]]:
    """Return the grades by (experiment, model, variant), then by judge in the order of the frame.

    The frame has experiment, model, variant, task, sample, judge, take, grade and may have `judge_settings` (text, for instance
    a hash of the judge's model, prompt and version), `left_out` (settings that its endpoint refused, names with commas), `lowest`
    and `highest` (the judge's scale, by default 1–5).
    """
    by_judge: dict[VariantKey, dict[str, VariantGrades]] = {}
    if grades.empty:
        return by_judge
    has_settings = "judge_settings" in grades.columns
    for (experiment, model, variant, judge), rows in grades.groupby(_KEYS, sort=False):
        unique = rows.drop_duplicates(["task", "sample", "take"], keep="last")
        numbers = unique.assign(grade=pd.to_numeric(unique["grade"], errors="coerce").astype(np.float64))
        settings = tuple(sorted(set(unique["judge_settings"].dropna().astype(str)))) if has_settings else ()
        left_out = tuple(sorted(set(unique["left_out"].dropna().astype(str)))) if "left_out" in unique else ()
        variant_grades = VariantGrades(str(judge), _by_take(numbers), settings, _scales(rows), left_out)
        by_judge.setdefault((experiment, str(model), str(variant)), {})[str(judge)] = variant_grades
    return by_judge


@dataclass(frozen=True, slots=True, eq=False)
class GradedPair:
    """The answers of a pair that one judge graded on both sides: `pair.by_task("grade")` are the grades per task.

    `d` is candidate − baseline per answer, takes averaged; `takes_b` and `takes_c` are (answers, takes), NaN = ungraded.
    """

    pair: Pair
    d: Floats
    takes_b: Floats
    takes_c: Floats
    scale: Bounds = FIVE_POINTS

    def asked_takes(self) -> Floats:
        """Return the grades (grades,) of both sides but those of empty answers, which are not asked about."""
        sides = ((self.takes_b, "empty_b"), (self.takes_c, "empty_c"))
        asked = [takes[~self.pair.answers[empty].to_numpy(dtype=np.bool_)].ravel() for takes, empty in sides]
        return np.concatenate(asked)


def grade_pair(pair: Pair, baseline: VariantGrades | None, candidate: VariantGrades | None) -> GradedPair:
    """Join the grades of both sides, which are on one scale, to the pair's answers; answers without both are left out."""
    nothing = np.full((len(pair.answers), 1), np.nan)
    takes_b, takes_c = (nothing if side is None else side.takes_of(pair.answers) for side in (baseline, candidate))
    means_b, means_c = take_means(takes_b), take_means(takes_c)
    graded = ~np.isnan(means_c - means_b)
    answers = pair.answers.assign(grade_b=means_b, grade_c=means_c)[graded]
    graded_answers = Pair(pair.baseline, pair.candidate, answers)
    return GradedPair(
        graded_answers, (means_c - means_b)[graded], takes_b[graded], takes_c[graded], _scale(baseline, candidate)
    )


def take_means(takes: Floats) -> Floats:
    """Return the mean grade of each answer over its graded takes, (answers, takes) → (answers,), NaN if none is graded."""
    graded = ~np.isnan(takes)
    count = graded.sum(axis=1)
    total = np.where(graded, takes, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), dtype=np.float64)


def task_takes(answers: pd.DataFrame, takes: Floats) -> Floats:
    """Return the mean grade over the samples of each task in each take, (answers, takes) → (tasks, takes), by ascending task."""
    means = pd.DataFrame(takes).groupby(answers["task"].to_numpy()).mean()
    return means.to_numpy(dtype=np.float64)


def histogram(takes: Floats, scale: Bounds = FIVE_POINTS) -> tuple[int, ...]:
    """Return how many grades of each number of the scale there are; a fractional one is rounded, halves up."""
    values = takes[~np.isnan(takes)]
    nearest = np.clip(np.floor(values + 0.5), *scale).astype(np.int64)
    return tuple(int((nearest == grade).sum()) for grade in range(scale[0], scale[1] + 1))


def shared_judges(baseline: Mapping[str, VariantGrades], candidate: Mapping[str, VariantGrades]) -> list[str]:
    """Return the judges that graded both sides, in the order of the baseline's."""
    return [judge for judge in baseline if judge in candidate]


def have_one_scale(*sides: VariantGrades) -> bool:
    """Return whether all these grades are on one scale."""
    return len({scale for side in sides for scale in side.scales}) <= 1


def _scale(*sides: VariantGrades | None) -> Bounds:
    return next((side.scales[0] for side in sides if side is not None), FIVE_POINTS)


def _scales(rows: pd.DataFrame) -> tuple[Bounds, ...]:
    if "lowest" not in rows.columns:
        return (FIVE_POINTS,)
    bounds = rows[["lowest", "highest"]].drop_duplicates()
    return tuple(sorted((int(low), int(high)) for low, high in bounds.itertuples(index=False)))


def _by_take(rows: pd.DataFrame) -> pd.DataFrame:
    if rows["take"].nunique() == 1:
        return rows.set_index(["task", "sample"])[["grade"]].sort_index()
    return rows.pivot(index=["task", "sample"], columns="take", values="grade").sort_index()
