"""The scores of runs under their scorers, for panes, commands and exports. Heavy libraries are imported inside the function."""

from contextlib import closing
from pathlib import Path

from qtui.figures.rounding import rounded
from qtui.figures.scorers import ScorerTable
from qtui.store import open_store, scores


def scorer_rows(store_path: Path, run_ids: tuple[int, ...]) -> ScorerTable:
    """Every pair of the runs under every current scorer, over all its tasks and by task set and category."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        current = scores.current(store, run_ids)
        rows = (
            [(run_id, *tuple(row)[1:]) for run_id in run_ids for row in scores.rows(store, [run_id])] if current else []
        )
    if not rows:
        return ScorerTable(())
    import pandas as pd

    from qtui.analysis.scorers.table import ScorerOfRun, scorer_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids, with_grades=False, with_choices=True)
    scorers = [ScorerOfRun(each.run_id, each.label, each.spec.kind, each.spec.margin) for each in current]
    found = pd.DataFrame(rows, columns=list(scores.COLUMNS))
    table = scorer_table(
        frames.answers,
        frames.tasks,
        found,
        frames.conditions,
        scorers,
        flags=flags(frames),
        experiments=frames.experiments,
    )
    return rounded(table)
