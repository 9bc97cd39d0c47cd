"""The queue of pairs for people: which pair of answers to grade next, because a person's grade tells most there."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.records import FIVE_POINTS
from qtui.results.agreement import scales_of_graders
from qtui.results.answers import PairName
from qtui.store.grades import HUMAN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class PairToGrade:
    """A pair of answers to `task`. `decides`: the verdict would be another if both were equally good. `d` is in grades of 1–5."""

    task: int
    sample: int
    decides: bool
    parted: float
    d: float | None


def pairs_to_grade(store_path: Path, names: PairName, margin: float) -> tuple[PairToGrade, ...]:
    """Return the pairs of differing answers that no person has graded on both sides, the most telling first.

    Every judge counts but the offline one, `reference`, which measures overlap, unless it is the only one.
    """
    from qtui.analysis.instrument.worth_grading import Gradings, most_telling_first
    from qtui.results.frames import load

    run_id, model = names.run_id, names.model
    variants = (names.baseline, names.candidate)
    frames = load(store_path, [run_id])
    sides = [_texts(frames.answers, model, name) for name in variants]
    scales = scales_of_graders(store_path, (run_id,), frames.grades)
    ranges = {judge: highest - lowest for (_, judge), (lowest, highest) in scales.items()}
    grades = _of_judges(frames.grades[frames.grades["model"] == model])
    by_side = [_by_grader(grades, name) for name in variants]
    pairs = [
        Gradings(*place, _differences(by_side[0].get(place, {}), by_side[1].get(place, {}), ranges))
        for place in sorted(sides[0].keys() & sides[1].keys())
    ]
    people = [_graded_by_people(frames.grades, model, name) for name in variants]
    return tuple(
        PairToGrade(worth.task, worth.sample, worth.decides, worth.parted, worth.d)
        for worth in most_telling_first(pairs, margin)
        if (place := (worth.task, worth.sample)) not in people[0] & people[1] and sides[0][place] != sides[1][place]
    )


_Place = tuple[int, int]


def _texts(answers: "pd.DataFrame", model: str, variant: str) -> dict[_Place, str]:
    rows = answers[(answers["model"] == model) & (answers["variant"] == variant)]
    places = zip(rows["task"].tolist(), rows["sample"].tolist(), strict=True)
    return {place: text.strip() for place, text in zip(places, rows["text"].tolist(), strict=True)}


def _of_judges(grades: "pd.DataFrame") -> "pd.DataFrame":
    by_judges = grades[grades["judge"] != HUMAN].dropna(subset=["grade"])
    of_quality = by_judges[by_judges["judge"] != "reference"]
    return by_judges if of_quality.empty else of_quality


def _by_grader(grades: "pd.DataFrame", variant: str) -> dict[_Place, dict[tuple[str, int], float]]:
    """Return place → (judge, take) → grade of one variant."""
    rows = grades[grades["variant"] == variant]
    found: dict[_Place, dict[tuple[str, int], float]] = {}
    columns = (rows[name].tolist() for name in ("task", "sample", "judge", "take", "grade"))
    for task, sample, judge, take, grade in zip(*columns, strict=True):
        found.setdefault((task, sample), {})[judge, take] = float(grade)
    return found


def _differences(
    before: dict[tuple[str, int], float], after: dict[tuple[str, int], float], ranges: dict[str, int]
) -> tuple[float, ...]:
    """Return candidate − baseline by judge and take, as if every scale had the range of 1–5."""
    five = FIVE_POINTS.highest - FIVE_POINTS.lowest
    return tuple((after[each] - before[each]) * five / ranges[each[0]] for each in before if each in after)


def _graded_by_people(grades: "pd.DataFrame", model: str, variant: str) -> set[_Place]:
    rows = grades[(grades["model"] == model) & (grades["variant"] == variant) & (grades["judge"] == HUMAN)]
    rows = rows.dropna(subset=["grade"])
    return set(zip(rows["task"].tolist(), rows["sample"].tolist(), strict=True))
