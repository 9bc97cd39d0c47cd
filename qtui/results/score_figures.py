"""The scores of runs, for the panes and the command line alike.

pandas, numpy and scipy are imported where the work is done: whoever unpickles the figures does without.
"""

from pathlib import Path

from qtui.figures.rounding import rounded
from qtui.figures.scores import MARGIN, ScoreTable


def score_rows(store_path: Path, run_ids: tuple[int, ...], margin: float = MARGIN) -> ScoreTable:
    """Every pair of the runs under every judge; pairs that nobody graded too, since behaviour needs no judge."""
    from qtui.analysis.tables import score_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids)
    return rounded(
        score_table(
            frames.answers, frames.tasks, frames.grades, frames.conditions, margin=margin, flags=flags(frames),
            experiments=frames.experiments,
        )
    )  # fmt: skip
