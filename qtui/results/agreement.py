"""Agreement of judges, takes and people in runs, for panes and commands.

pandas, numpy and NLTK are imported inside the function, so that a process that only unpickles the figures does not load them.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.figures.agreement import AgreementTable, GraderPair, JudgeRetest, Retest
from qtui.figures.rounding import rounded
from qtui.format import count
from qtui.records import FIVE_POINTS
from qtui.store import judges, open_store
from qtui.store.grades import HUMAN

if TYPE_CHECKING:
    import pandas as pd

NOT_QUALITY = "reference measures overlap with the reference answer: agreement with it says nothing about quality"
NO_GRADERS = "no answer has grades of two graders, or of two takes of one judge"


def agreement_table(store_path: Path, run_ids: tuple[int, ...]) -> AgreementTable:
    """Return every judge against itself and every two graders of each run, over its current grades, rounded.

    Empty answers that were graded without asking are left out: every judge gives these the same grade.
    """
    from qtui.analysis.instrument import grader_pairs, judge_agreement
    from qtui.analysis.units import units_of_tasks
    from qtui.results.frames import load

    frames = load(store_path, run_ids)
    asked = _asked(frames.grades)
    scales = scales_of_graders(store_path, run_ids, frames.grades)
    retests = judge_agreement.agreements(asked, scales)
    begins = units_of_tasks(frames.tasks)
    pairs: list[GraderPair] = []
    notes: list[str] = []
    for run_id, name in frames.experiments.items():
        of_run = {judge: scale for (run, judge), scale in scales.items() if run == run_id}
        first = {task: begin for (run, task), begin in begins.items() if run == run_id}
        run = grader_pairs.Run(run_id, name, of_run, first)
        pairs += grader_pairs.grader_pairs(asked[asked["experiment"] == run_id], run)
        notes += grader_pairs.notes(tuple(of_run), of_run)
    notes = [*dict.fromkeys(notes), *_notes(len(frames.grades) - len(asked), scales, is_empty=not pairs)]
    return rounded(AgreementTable(_rows(frames.experiments, retests), tuple(pairs), tuple(notes)))


def _rows(
    experiments: Mapping[int, str], retests: Mapping[tuple[Any, str, str, str], Retest]
) -> tuple[JudgeRetest, ...]:
    return tuple(
        JudgeRetest(
            run_id=int(run_id),
            experiment=experiments[run_id],
            model=model,
            variant=variant,
            judge=judge,
            figures=figures,
        )
        for (run_id, model, variant, judge), figures in retests.items()
    )


def _asked(grades: "pd.DataFrame") -> "pd.DataFrame":
    """Return the grades that a grader gave: without those of empty answers, which no judge is asked about."""
    from qtui.judges.protocol import is_of_empty_answer

    # Not a list: an empty one would choose no columns.
    return grades[~grades["reason"].map(is_of_empty_answer).astype(bool)]


def scales_of_graders(
    store_path: Path, run_ids: tuple[int, ...], grades: "pd.DataFrame"
) -> dict[tuple[Any, str], tuple[int, int]]:
    """Return the scale of every grader by (run, grader), in the order of the judges, people last."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        current = judges.current(store, run_ids)
    scales = {(judge.run_id, judge.label): _scale(judge.settings) for judge in current}
    graded = grades[["experiment", "judge"]].drop_duplicates()
    for run_id, judge in zip(graded["experiment"].tolist(), graded["judge"].tolist(), strict=True):
        scales.setdefault((run_id, judge), (FIVE_POINTS.lowest, FIVE_POINTS.highest))
    present = set(zip(graded["experiment"].tolist(), graded["judge"].tolist(), strict=True))
    return {place: scale for place, scale in scales.items() if place in present}


def _scale(settings: Mapping[str, Any]) -> tuple[int, int]:
    scale = settings.get("scale") or {}
    return int(scale.get("lowest", FIVE_POINTS.lowest)), int(scale.get("highest", FIVE_POINTS.highest))


def _notes(empty: int, scales: Mapping[tuple[Any, str], Any], *, is_empty: bool) -> list[str]:
    graders = {judge for _, judge in scales}
    found = (
        [NO_GRADERS] if is_empty else ["intervals are 95 %, by a bootstrap over tasks; α is Krippendorff's, ordinal"]
    )
    if empty:
        found.append(f"{count(empty, 'grade')} of empty answers, given without asking, are left out")
    if "reference" in graders and len(graders) > 1:
        found.append(NOT_QUALITY)
    if HUMAN not in graders:
        found.append(
            "no person has graded: e in Compare grades by keyboard, N goes to the pair on which a grade tells most"
        )
    return found
