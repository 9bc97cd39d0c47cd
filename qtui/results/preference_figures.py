"""The preferences of runs under the judges that compare, for panes, commands and exports. Heavy libraries are imported inside."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.figures.preferences import PreferenceTable
from qtui.figures.rounding import rounded
from qtui.records import WIN_RATE_MARGIN
from qtui.store import Store, judges, open_store, preferences
from qtui.store.judges import StoredJudge

if TYPE_CHECKING:
    import pandas as pd


def preference_rows(store_path: Path, run_ids: tuple[int, ...]) -> PreferenceTable:
    """Every pair of the runs under every current judge that compares; none if there is no such judge."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        current = [judge for judge in judges.current(store, run_ids) if judge.is_pairwise]
        if not current:
            return PreferenceTable(())
        replies = _replies(store, run_ids)
    from qtui.analysis.preferences.table import PairwiseJudge, preference_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids, with_grades=False)
    compared = [PairwiseJudge(judge.run_id, judge.label, margin_of(judge)) for judge in current]
    table = preference_table(
        frames.answers,
        frames.tasks,
        replies,
        frames.conditions,
        compared,
        flags=flags(frames),
        experiments=frames.experiments,
    )
    return rounded(table)


def margin_of(judge: StoredJudge) -> float:
    """Return the margin of a judge's win rates."""
    return float(judge.settings.get("margin", WIN_RATE_MARGIN))


def _replies(store: Store, run_ids: Sequence[int]) -> "pd.DataFrame":
    """Return the judges' replies with `preferences.COLUMNS`, the run's id as `experiment`, and `is_asked`."""
    import pandas as pd

    from qtui.judges.protocol import is_unasked_choice

    rows = [(run_id, *tuple(row)[1:]) for run_id in run_ids for row in preferences.rows(store, [run_id])]
    frame = pd.DataFrame(rows, columns=list(preferences.COLUMNS))
    return frame.assign(is_asked=[not is_unasked_choice(reason) for reason in frame["reason"]])
