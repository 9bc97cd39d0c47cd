"""Graders of one run against each other: judges with their takes, and people.

Two graders are held against each other over the answers that both graded, every take of one against every take of the other; a
judge with several takes also against itself. Graders with different scales are not compared: a 4 of 5 is no 4 of 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.instrument.coefficients import Counts, alpha, coefficients, intervals, quadratic_kappa
from qtui.figures.agreement import Estimate, GraderPair, PartedTask

Floats = npt.NDArray[np.float64]
Scale = tuple[int, int]
MOST_PARTED = 10
_PLACE = ["model", "variant", "task", "sample"]


@dataclass(frozen=True, slots=True)
class Run:
    """`scales` is grader → lowest and highest grade; `begins` is turn → the task that begins its conversation."""

    run_id: int
    experiment: str
    scales: Mapping[str, Scale]
    begins: Mapping[int, int]


def grader_pairs(grades: pd.DataFrame, run: Run) -> list[GraderPair]:
    """Return every judge with several takes against itself, then every two graders that share answers and have one scale, in the
    order of `run.scales`.

    `grades` has the rows of one run: model, variant, task, sample, judge, take, grade (missing: ungraded).
    """
    graded = grades.dropna(subset=["grade"])
    if graded.empty:
        return []
    values = pd.to_numeric(graded["grade"]).astype(np.float64)
    wide = graded.assign(grade=values).pivot_table(
        index=_PLACE, columns=["judge", "take"], values="grade", aggfunc="last"
    )
    present = set(graded["judge"].astype(str))
    graders = [name for name in run.scales if name in present]
    judge_of = wide.columns.get_level_values("judge")
    of_grader = {name: wide.loc[:, judge_of == name].to_numpy(dtype=np.float64) for name in graders}
    pairs = [_pair(run, name, name, of_grader, wide.index) for name in graders if of_grader[name].shape[1] > 1]
    pairs += [
        _pair(run, a, b, of_grader, wide.index) for a, b in combinations(graders, 2) if run.scales[a] == run.scales[b]
    ]
    return [pair for pair in pairs if pair is not None]


def notes(graders: Sequence[str], scales: Mapping[str, Scale]) -> tuple[str, ...]:
    """Return a sentence per two graders that are not compared."""
    return tuple(
        f"{a} ({_range(scales[a])}) and {b} ({_range(scales[b])}) are not compared, because their scales differ"
        for a, b in combinations(graders, 2)
        if scales[a] != scales[b]
    )


def _range(scale: Scale) -> str:
    return f"{scale[0]}–{scale[1]}"


def _pair(
    run: Run, a: str, b: str, of_grader: Mapping[str, Floats], index: "pd.MultiIndex | pd.Index[Any]"
) -> GraderPair | None:
    both = (~np.isnan(of_grader[a])).sum(axis=1) > (1 if a == b else 0)
    both &= (~np.isnan(of_grader[b])).any(axis=1)
    if not both.any():
        return None
    x, y, places = of_grader[a][both], of_grader[b][both], index[both]
    tasks = places.get_level_values("task").to_numpy()
    of_unit = np.asarray([run.begins.get(int(task), int(task)) for task in tasks])
    rows, first, second = _grade_pairs(x, y, is_same=a == b)
    counts = _counts(rows, first, second, x if a == b else None, of_unit)
    bounds = intervals(counts)
    found = coefficients(counts.values, counts.tables.sum(axis=0)[None], counts.coincidences.sum(axis=0)[None])
    values: dict[str, float | None] = {
        "exact": float(found.exact[0]),
        "within_one": float(found.within_one[0]),
        "mean_difference": float(found.mean_difference[0]),
        "kappa": quadratic_kappa(first, second),
        "alpha": alpha(x if a == b else np.column_stack([first, second]), "ordinal"),
    }
    estimates = {name: Estimate(value, None if value is None else bounds[name]) for name, value in values.items()}
    return GraderPair(
        run_id=run.run_id,
        experiment=run.experiment,
        a=a,
        b=b,
        takes_a=x.shape[1],
        takes_b=y.shape[1],
        answers=int(both.sum()),
        tasks=len(counts.tables),
        exact=estimates["exact"],
        within_one=estimates["within_one"],
        kappa=estimates["kappa"],
        alpha=estimates["alpha"],
        mean_difference=estimates["mean_difference"],
        grades=tuple(counts.values.tolist()),
        confusion=tuple(tuple(int(count) for count in row) for row in counts.tables.sum(axis=0)),
        parted=_parted(places, rows, first, second, x if a == b else None),
    )


def _grade_pairs(x: Floats, y: Floats, *, is_same: bool) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Return answer, grade of a and grade of b of every pair of takes that are both graded; within one judge each pair once."""
    takes = combinations(range(x.shape[1]), 2) if is_same else product(range(x.shape[1]), range(y.shape[1]))
    parts = []
    for i, j in takes:
        rows = np.flatnonzero(~np.isnan(x[:, i]) & ~np.isnan(y[:, j]))
        parts.append((rows, x[rows, i], y[rows, j]))
    rows, first, second = (np.concatenate(each) for each in zip(*parts, strict=True))
    return rows, first, second


def _counts(rows: Any, first: Floats, second: Floats, takes: Floats | None, of_unit: Any) -> Counts:
    """Count pairs of grades by unit. With `takes` (answers, takes), coincidences are over all takes of an answer at once."""
    values, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = np.split(index, 2)
    _, unit = np.unique(of_unit, return_inverse=True)
    shape = (int(unit.max()) + 1, values.size, values.size)
    tables = np.zeros(shape)
    np.add.at(tables, (unit[rows], a, b), 1.0)
    coincidences = np.zeros(shape)
    # Two graders have one pair of grades per item; of k takes of one judge, each pair counts 1 / (k − 1).
    weights = np.ones(len(rows)) if takes is None else 1 / ((~np.isnan(takes)).sum(axis=1) - 1)[rows]
    np.add.at(coincidences, (unit[rows], a, b), weights)
    np.add.at(coincidences, (unit[rows], b, a), weights)
    return Counts(values, tables, coincidences)


def _parted(places: Any, rows: Any, first: Floats, second: Floats, takes: Floats | None) -> tuple[PartedTask, ...]:
    """Return the tasks on which two graders part most; with `takes` (answers, takes), those of one judge."""
    count = np.maximum(np.bincount(rows, minlength=len(places)), 1)
    sums = (
        np.bincount(rows, weights=values, minlength=len(places)) for values in (np.abs(first - second), first, second)
    )
    distance, mean_a, mean_b = (total / count for total in sums)
    if takes is not None:
        mean_a, mean_b = np.nanmin(takes, axis=1), np.nanmax(takes, axis=1)
    frame = places.to_frame(index=False).assign(distance=distance, a=mean_a, b=mean_b)
    by_task = frame.groupby("task")["distance"].mean()
    found = by_task[by_task > 0].sort_values(ascending=False, kind="stable").head(MOST_PARTED)
    parted = []
    for task, of_task in found.items():
        answers = frame[frame["task"] == task]
        most = answers.loc[answers["distance"].idxmax()]
        parted.append(
            PartedTask(
                task=int(str(task)),
                answers=len(answers),
                distance=float(of_task),
                model=str(most["model"]),
                variant=str(most["variant"]),
                sample=int(most["sample"]),
                grade_a=float(most["a"]),
                grade_b=float(most["b"]),
            )
        )
    return tuple(parted)
