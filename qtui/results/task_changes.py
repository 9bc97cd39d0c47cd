"""The differences between a baseline and a candidate task by task, by which the lists of Compare and Tasks are sorted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.differences import likeness
from qtui.figures.scores import Bounds, stretch

if TYPE_CHECKING:
    import pandas as pd

FLAGS = ("empty", "short", "looping", "truncated", "latin_new", "other_language", "unfinished_thought")


@dataclass(frozen=True, slots=True)
class TaskDelta:
    """One task and sample that both variants answered. Lengths are characters without surrounding whitespace.

    `ratio` is candidate / baseline, None if the baseline's answer is empty. `grades` are (judge, mean over takes of the baseline,
    of the candidate), None if one is missing; `d` is the mean over judges of candidate − baseline, in grades
    of 1–5 if their scales differ. `scales` has the bounds of the judges' scales. Flags are names of `FLAGS`.
    `similarity` is 1 for equal answers, 0 for answers without a common character.
    """

    task: int
    sample: int
    baseline_length: int
    candidate_length: int
    ratio: float | None
    grades: tuple[tuple[str, float | None, float | None], ...]
    d: float | None
    baseline_flags: tuple[str, ...]
    candidate_flags: tuple[str, ...]
    similarity: float
    scales: Mapping[str, Bounds] = field(default_factory=dict)


def deltas(store_path: Path, run_id: int, model: str, baseline: str, candidate: str) -> tuple[TaskDelta, ...]:
    """The differences in the order of the tasks, none if a variant has no answers yet. Raises UserError for an unknown run."""
    from qtui.analysis.tables import flag_answers
    from qtui.results.frames import load

    frames = load(store_path, [run_id])
    is_model = frames.answers["model"] == model
    sides = [frames.answers[is_model & (frames.answers["variant"] == name)] for name in (baseline, candidate)]
    flagged = [_flagged(side, flag_answers(side, frames.tasks)) for side in sides]
    graded = [_grades(frames.grades, model, name) for name in (baseline, candidate)]
    scales = _scales(frames.grades)
    return tuple(
        _delta(
            place, (flagged[0][place], flagged[1][place]), (graded[0].get(place, {}), graded[1].get(place, {})), scales
        )
        for place in sorted(flagged[0].keys() & flagged[1].keys())
    )


def flips(  # noqa: PLR0917 - the figures process passes arguments by position
    store_path: Path, run_id: int, model: str, baseline: str, candidate: str, judge: str | None, pass_grade: float
) -> tuple[TaskDelta, ...]:
    """The differences of the tasks that pass by the judge on one side only: few of many, so that few go to another process."""
    every = deltas(store_path, run_id, model, baseline, candidate)
    return tuple(delta for delta in every if crossing(delta, judge, pass_grade) is not None)


def crossing(delta: TaskDelta, judge: str | None, pass_grade: float) -> tuple[float, float] | None:
    """Return the judge's two grades if one passes and the other does not, else None."""
    for name, before, after in delta.grades:
        if name != judge or before is None or after is None:
            continue
        if (before >= pass_grade) != (after >= pass_grade):
            return before, after
    return None


_Place = tuple[int, int]
_Flagged = tuple[str, tuple[str, ...]]


def _flagged(answers: "pd.DataFrame", flags: "pd.DataFrame") -> dict[_Place, _Flagged]:
    """(task, sample) → text and the names of its flags."""
    columns = zip(*(flags[name].tolist() for name in FLAGS), strict=True)
    places = zip(answers["task"].tolist(), answers["sample"].tolist(), strict=True)
    return {
        place: (text, tuple(name for name, is_set in zip(FLAGS, values, strict=True) if is_set))
        for place, text, values in zip(places, answers["text"].tolist(), columns, strict=True)
    }


def _grades(grades: "pd.DataFrame", model: str, variant: str) -> dict[_Place, dict[str, float]]:
    """(task, sample) → judge → mean over its takes; ungraded takes are left out."""
    graded = grades[(grades["model"] == model) & (grades["variant"] == variant)].dropna(subset=["grade"])
    means = graded.astype({"grade": float}).groupby(["task", "sample", "judge"])["grade"].mean()
    by_place: dict[_Place, dict[str, float]] = {}
    rows = means.reset_index()
    for task, sample, judge, mean in zip(*(rows[name].tolist() for name in rows.columns), strict=True):
        by_place.setdefault((task, sample), {})[judge] = mean
    return by_place


def _scales(grades: "pd.DataFrame") -> dict[str, Bounds]:
    rows = grades[["judge", "lowest", "highest"]].drop_duplicates().itertuples(index=False)
    return {str(judge): (int(lowest), int(highest)) for judge, lowest, highest in rows}


def _delta(
    place: _Place,
    sides: tuple[_Flagged, _Flagged],
    grades: tuple[dict[str, float], dict[str, float]],
    scales: dict[str, Bounds],
) -> TaskDelta:
    (baseline, candidate), (baseline_grades, candidate_grades) = sides, grades
    before, after = baseline[0].strip(), candidate[0].strip()
    judges = sorted({*baseline_grades, *candidate_grades})
    both = [judge for judge in baseline_grades if judge in candidate_grades]
    scales_differ = len({scales[judge] for judge in both}) > 1
    differences_by_judge: list[Any] = [
        (candidate_grades[judge] - baseline_grades[judge]) / (stretch(scales[judge]) if scales_differ else 1.0)
        for judge in both
    ]
    return TaskDelta(
        task=place[0],
        sample=place[1],
        baseline_length=len(before),
        candidate_length=len(after),
        ratio=len(after) / len(before) if before else None,
        grades=tuple((judge, baseline_grades.get(judge), candidate_grades.get(judge)) for judge in judges),
        d=sum(differences_by_judge) / len(differences_by_judge) if differences_by_judge else None,
        baseline_flags=baseline[1],
        candidate_flags=candidate[1],
        similarity=likeness(baseline[0], candidate[0]).similarity,
        scales=scales,
    )
