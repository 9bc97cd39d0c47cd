"""The scores of runs, for panes and commands.

pandas, numpy and scipy are imported inside the function, so that a process that only unpickles the figures does not load them.
"""

from pathlib import Path

from qtui.figures.rounding import rounded
from qtui.figures.score_groups import GroupTable
from qtui.figures.scores import MARGIN, ScoreTable


def score_rows(store_path: Path, run_ids: tuple[int, ...], margin: float = MARGIN) -> ScoreTable:
    """Every pair of the runs under every judge. Ungraded pairs are included, since behaviour needs no judge."""
    from qtui.analysis.tables import score_table
    from qtui.results.frames import flags, load
    from qtui.results.stopped_early import with_sequences

    frames = load(store_path, run_ids)
    table = score_table(
        frames.answers, frames.tasks, frames.grades, frames.conditions, margin=margin, flags=flags(frames),
        experiments=frames.experiments,
    )  # fmt: skip
    return rounded(with_sequences(store_path, run_ids, table))


def score_group_rows(store_path: Path, run_ids: tuple[int, ...], by: str, margin: float = MARGIN) -> GroupTable:
    """The scores of every pair under every judge by task set (`by` is "set") or by category."""
    from qtui.analysis.score_groups import score_groups
    from qtui.results.frames import flags, load
    from qtui.results.stopped_early import with_note

    frames = load(store_path, run_ids)
    table = score_groups(
        frames.answers, frames.tasks, frames.grades, frames.conditions, by=by, margin=margin, flags=flags(frames),
        experiments=frames.experiments,
    )  # fmt: skip
    return rounded(with_note(store_path, run_ids, table))
