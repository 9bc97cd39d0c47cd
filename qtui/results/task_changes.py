"""Task by task, what differs between a baseline and a candidate: what the lists of Compare and Tasks are sorted by."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.differences import differences

if TYPE_CHECKING:
    import pandas as pd

FLAGS = ("empty", "short", "looping", "truncated", "latin_new", "other_language")


@dataclass(frozen=True, slots=True)
class TaskDelta:
    """One task and sample that both sides answered. Lengths are stripped characters.

    `ratio` is candidate / baseline, None where the baseline is empty. `grades` is (judge, baseline's, candidate's mean over
    takes), None where one is missing; `d` the mean over judges of candidate − baseline. Flags are names of `FLAGS`.
    `similarity` is 1 for equal answers, 0 for answers with no character in common.
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


def deltas(store_path: Path, run_id: int, model: str, baseline: str, candidate: str) -> tuple[TaskDelta, ...]:
    """In the order of the tasks. Empty where one of the variants has no answers yet; UserError for an unknown run."""
    from qtui.analysis.tables import flag_answers
    from qtui.results.frames import load

    frames = load(store_path, [run_id])
    of_model = frames.answers["model"] == model
    sides = [frames.answers[of_model & (frames.answers["variant"] == name)] for name in (baseline, candidate)]
    flagged = [_flagged(side, flag_answers(side, frames.tasks)) for side in sides]
    graded = [_grades(frames.grades, model, name) for name in (baseline, candidate)]
    return tuple(
        _delta(place, flagged[0][place], flagged[1][place], graded[0].get(place, {}), graded[1].get(place, {}))
        for place in sorted(flagged[0].keys() & flagged[1].keys())
    )


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
    own = grades[(grades["model"] == model) & (grades["variant"] == variant)].dropna(subset=["grade"])
    means = own.astype({"grade": float}).groupby(["task", "sample", "judge"])["grade"].mean()
    found: dict[_Place, dict[str, float]] = {}
    rows = means.reset_index()
    for task, sample, judge, mean in zip(*(rows[name].tolist() for name in rows.columns), strict=True):
        found.setdefault((task, sample), {})[judge] = mean
    return found


def _delta(
    place: _Place, baseline: _Flagged, candidate: _Flagged, of_b: dict[str, float], of_c: dict[str, float]
) -> TaskDelta:
    before, after = baseline[0].strip(), candidate[0].strip()
    both: list[Any] = [of_c[judge] - of_b[judge] for judge in of_b if judge in of_c]
    return TaskDelta(
        task=place[0],
        sample=place[1],
        baseline_length=len(before),
        candidate_length=len(after),
        ratio=len(after) / len(before) if before else None,
        grades=tuple((judge, of_b.get(judge), of_c.get(judge)) for judge in sorted({*of_b, *of_c})),
        d=sum(both) / len(both) if both else None,
        baseline_flags=baseline[1],
        candidate_flags=candidate[1],
        similarity=differences(before, after).similarity,
    )
