"""Which differences an experiment will be able to show, from what the store knows of its judges."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from qtui.errors import UserError
from qtui.figures.planned import PlannedResolution
from qtui.figures.rounding import rounded
from qtui.figures.scores import ScoreRow
from qtui.records import JudgeSpec, TaskSet
from qtui.results.score_figures import score_rows
from qtui.store import judges, open_store

MOST_RUNS = 5
"""The newest runs of a judge tell enough; reading hundreds of them would take minutes."""


def planned_resolutions(
    store_path: Path, specs: Sequence[JudgeSpec], task_set: TaskSet, *, samples: int, margin: float
) -> tuple[PlannedResolution, ...]:
    """Return for every judge that grades what it will be able to show: without a store that knows it, a spread is assumed.

    A judge that compares has no grades, so nothing is said of it.
    """
    from qtui.analysis.instrument.planning import Plan, planned
    from qtui.judges import fingerprint

    units = sum(task.follows is None for task in task_set.tasks)
    found = []
    for spec in (each for each in specs if not each.pairwise):
        plan = Plan(
            judge=spec.label,
            tasks=len(task_set.tasks),
            units=units,
            takes=spec.takes,
            samples=samples,
            margin=margin,
            steps=spec.scale.highest - spec.scale.lowest,
            is_exact=spec.kind == "reference",
        )
        rows, same_tasks = _known(store_path, spec.label, fingerprint(spec), task_set.hash)
        found.append(rounded(planned(plan, rows, same_tasks=same_tasks)))
    return tuple(found)


def _known(store_path: Path, label: str, fingerprint: str, task_set: str) -> tuple[list[ScoreRow], bool]:
    """Return rows of candidates that the judge graded, of runs with these tasks if any, and whether it was these tasks."""
    if not store_path.is_file():
        return [], False
    try:
        with closing(open_store(store_path, create=False, must_write=False)) as store:
            graded = judges.runs_with(store, label, fingerprint)
    except UserError:
        # The store is no part of the check; whatever is wrong with it is said when the run starts.
        return [], False
    same = [run_id for run_id, tasks in graded if tasks == task_set]
    for run_ids, are_same in ((same, True), ([run_id for run_id, _ in graded], False)):
        table = score_rows(store_path, tuple(run_ids[:MOST_RUNS])) if run_ids else None
        rows = [row for row in table.pairs if row.judge == label and row.role == "candidate" and row.n] if table else []
        if rows:
            return rows, are_same
    return [], False
